import { Injectable } from '@nestjs/common';
import { BrokenCircuitError, bulkhead, BulkheadRejectedError, circuitBreaker, ConsecutiveBreaker, ExponentialBackoff, handleWhenResult, wrap } from 'cockatiel';
import { LRUCache } from 'lru-cache';
import type { ReasonCode } from '#libs/transfer';
import type { Attempt } from './callback.client.js';

/** After so many failures in a row that say "nobody is there", a server is not asked for a while. */
const FAILURES = 5;
const FIRST_PAUSE_MS = 5000;
const LONGEST_PAUSE_MS = 60_000;
/** Requests to one server at the same time: one that hangs holds these, and not everybody's. */
const AT_ONCE = 20;
const FORGET_MS = 600_000;

/** Failures of the server as such; a wrong answer comes from one that is well. */
const DEAD: ReadonlySet<ReasonCode> = new Set(['callback_connect_failed', 'callback_timeout', 'callback_dns_failed']);

/** Why no request was made. */
export type NotAsked = 'open' | 'full';

/** A circuit breaker and a limit of simultaneous requests for each customer's server, in this process. */
@Injectable()
export class CallbackCircuits {
  private readonly circuits = new LRUCache<string, ReturnType<typeof newCircuit>>({ max: 10_000, ttl: FORGET_MS, updateAgeOnGet: true });

  /** Makes the request unless its server is known to be dead (`open`) or busy with many of ours (`full`). */
  async run(appid: string, url: string, ask: () => Promise<Attempt>): Promise<Attempt | NotAsked> {
    // For each project: nobody's streams suffer by what somebody else makes of the same server.
    const key = `${appid} ${serverOf(url)}`;
    const circuit = this.circuits.get(key) ?? newCircuit();
    this.circuits.set(key, circuit);
    try {
      return await circuit.execute(ask);
    } catch (error) {
      if (error instanceof BrokenCircuitError) return 'open';
      if (error instanceof BulkheadRejectedError) return 'full';
      throw error;
    }
  }
}

function newCircuit() {
  const breaker = circuitBreaker(
    handleWhenResult((result) => {
      const { failure } = result as Attempt;
      return failure !== null && DEAD.has(failure.code);
    }),
    { halfOpenAfter: new ExponentialBackoff({ initialDelay: FIRST_PAUSE_MS, maxDelay: LONGEST_PAUSE_MS }), breaker: new ConsecutiveBreaker(FAILURES) },
  );
  return wrap(bulkhead(AT_ONCE, 0), breaker);
}

/** The query may differ from stream to stream; the server is the same. */
function serverOf(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}
