import { Injectable } from '@nestjs/common';
import {
  BrokenCircuitError,
  bulkhead,
  type BulkheadPolicy,
  BulkheadRejectedError,
  circuitBreaker,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  ExponentialBackoff,
  handleWhenResult,
} from 'cockatiel';
import { LRUCache } from 'lru-cache';
import { Env } from '#libs/config';
import type { ReasonCode } from '#libs/transfer';
import type { Attempt } from './callback.client.js';

/** After this many failures in a row that say "nobody is there", a server is not asked for a while. */
const FAILURES = 5;
const FIRST_PAUSE_MS = 5000;
const LONGEST_PAUSE_MS = 60_000;
/** Requests to one server at the same time: one that hangs holds these, and not everybody's. */
const MAX_OF_SERVER = 20;
/** Of one customer, to whatever servers, with those that wait for room at theirs: a fifth of the places that everybody shares. */
const MAX_OF_CUSTOMER = 40;
/** Who takes this part of the deadline, answer or not, holds a place as long as one that hangs. */
const SLOW_SHARE = 0.9;
const FORGET_MS = 600_000;
const REMEMBERED = { max: 10_000, ttl: FORGET_MS, updateAgeOnGet: true };

/** Failures of the server as such; a wrong answer comes from one that is well. */
const DEAD: ReadonlySet<ReasonCode> = new Set(['callback_connect_failed', 'callback_timeout', 'callback_dns_failed']);

/** Why no request was made: its server is known to be dead, or there is no room, or the quota is used up for so long. */
export type NotAsked = 'open' | 'full' | { waitMs: number };

/** Whose callback, and to where. */
export interface Destination {
  customerId: string;
  appid: string;
  url: string;
}

/** Limits of simultaneous requests for each customer and each of its servers, and a circuit breaker for each server, in this process. */
@Injectable()
export class CallbackCircuits {
  private readonly customers = new LRUCache<string, BulkheadPolicy>(REMEMBERED);
  private readonly servers = new LRUCache<string, BulkheadPolicy>(REMEMBERED);
  private readonly breakers = new LRUCache<string, CircuitBreakerPolicy>(REMEMBERED);

  constructor(private readonly env: Env) {}

  /** Makes the request if there is room and its server is not known to be dead. `consume`, asked only then, may still say to wait so long, ms. */
  async run(
    { customerId, appid, url }: Destination,
    consume: () => Promise<number>,
    ask: () => Promise<Attempt>,
  ): Promise<Attempt | NotAsked> {
    const { origin, pathname } = new URL(url);
    // What hangs may be one path of many behind a gateway. The query may differ from stream to stream; the server is the same.
    const breaker = remembered(this.breakers, `${appid} ${origin}${pathname}`, () =>
      newBreaker(SLOW_SHARE * this.env.CALLBACK_TIMEOUT_MS),
    );
    const turn = async (): Promise<Attempt | NotAsked> => {
      const waitMs = await consume();
      return waitMs > 0 ? { waitMs } : ask();
    };
    try {
      return await this.inRoom({ customerId, url }, () => breaker.execute(turn));
    } catch (error) {
      if (error instanceof BrokenCircuitError) return 'open';
      throw error;
    }
  }

  /** Does it if there is room, whatever is known of its server: for who tries out whether it is back. */
  async inRoom<T>(
    { customerId, url }: Pick<Destination, 'customerId' | 'url'>,
    work: () => T | PromiseLike<T>,
  ): Promise<T | 'full'> {
    const ofCustomer = remembered(this.customers, customerId, () => bulkhead(MAX_OF_CUSTOMER, 0));
    // However many paths it has, a server is one; nobody's streams suffer by what somebody else makes of the same.
    const ofServer = remembered(this.servers, `${customerId} ${new URL(url).origin}`, () =>
      bulkhead(MAX_OF_SERVER, MAX_OF_CUSTOMER - MAX_OF_SERVER),
    );
    try {
      return await ofCustomer.execute(() => ofServer.execute(work));
    } catch (error) {
      if (error instanceof BulkheadRejectedError) return 'full';
      throw error;
    }
  }
}

function newBreaker(slowMs: number): CircuitBreakerPolicy {
  const isFailure = (result: Attempt | NotAsked): boolean => {
    if (typeof result === 'string') return false;
    // Nothing was asked: whether the server is back is as open as before.
    if ('waitMs' in result) return breaker.state === CircuitState.HalfOpen;
    return result.durationMs >= slowMs || (result.failure !== null && DEAD.has(result.failure.code));
  };
  const breaker: CircuitBreakerPolicy = circuitBreaker(
    handleWhenResult((result) => isFailure(result as Attempt | NotAsked)),
    {
      halfOpenAfter: new ExponentialBackoff({ initialDelay: FIRST_PAUSE_MS, maxDelay: LONGEST_PAUSE_MS }),
      breaker: new ConsecutiveBreaker(FAILURES),
    },
  );
  return breaker;
}

function remembered<Policy extends object>(known: LRUCache<string, Policy>, key: string, make: () => Policy): Policy {
  const policy = known.get(key) ?? make();
  known.set(key, policy);
  return policy;
}
