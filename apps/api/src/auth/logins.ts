import { Inject, Injectable } from '@nestjs/common';
import { bulkhead, type BulkheadPolicy, BulkheadRejectedError } from 'cockatiel';
import type { Redis } from 'ioredis';
import { LRUCache } from 'lru-cache';
import { Env } from '#libs/config';
import { REDIS } from '#libs/queue';
import { networkOf } from '../http/network.js';
import { refuse } from '../http/problem.js';
import { RateLimit } from '../http/rate-limit.js';

const WINDOW_S = 60;
/** Wrong secrets from one address for whatever customer IDs: offices stand behind one address, and lists of stolen pairs come from one. */
const IDS_OF_AN_ADDRESS = 5;
const REMEMBERED = 10_000;
/** Attempts that are looked at together where the right secret came a moment ago: a customer's programs ask in bursts. */
const OF_KNOWN_AT_ONCE = 50;
/** Attempts that wait for their turn. Each takes some milliseconds; who sends more than this only wants to fill it. */
const WAITING = 2000;

/**
 * Slows down who tries secrets: after LOGIN_FAILURES_PER_MINUTE wrong ones from one address for one customer ID, that
 * address is refused for that ID for a minute, right or wrong, by any API process; after five times as many for different IDs,
 * not for any from which no right one came just before. Others behind other addresses notice nothing, so nobody can lock a customer out.
 */
@Injectable()
export class Logins {
  private readonly points: number;
  private readonly pairs: RateLimit;
  private readonly addresses: RateLimit;
  /** Who is blocked, until when (performance.now()): known without asking Redis for each request. */
  private readonly blocked = new LRUCache<string, number>({ max: REMEMBERED });
  /** Addresses with an ID whose secret they had: they need not be looked up for every request. */
  private readonly known = new LRUCache<string, true>({ max: REMEMBERED, ttl: WINDOW_S * 1000 });
  private readonly turns = new LRUCache<string, BulkheadPolicy>({ max: REMEMBERED });

  constructor(env: Env, @Inject(REDIS) redis: Redis) {
    this.points = env.LOGIN_FAILURES_PER_MINUTE;
    this.pairs = new RateLimit(redis, `${env.REDIS_PREFIX}:logins`, { points: this.points, duration: WINDOW_S });
    this.addresses = new RateLimit(redis, `${env.REDIS_PREFIX}:login-addresses`, {
      points: IDS_OF_AN_ADDRESS * this.points,
      duration: WINDOW_S,
    });
  }

  /** Whether the right secret of that customer came from that address within the last minute, and neither is blocked. */
  isKnown(ip: string | undefined, customerId: string): boolean {
    const pair = pairOf(networkOf(ip ?? ''), customerId);
    return this.known.has(pair) && !this.isBlocked(pair);
  }

  /** The result of `verify`; a falsy one counts as a failure. Throws 429 with Retry-After while blocked. */
  async attempt<T>(
    ip: string | undefined,
    customerId: string,
    verify: () => Promise<T | null | false>,
  ): Promise<T | false> {
    const address = networkOf(ip ?? '');
    const pair = pairOf(address, customerId);
    const isKnown = this.known.has(pair);
    this.requireOpen(pair);
    if (!isKnown) this.requireOpen(address);
    // Not more together than may fail: else a burst would be looked at as a whole before the first failure is counted.
    const turn = isKnown ? this.turn(pair, OF_KNOWN_AT_ONCE) : this.turn(address, this.points);
    try {
      return await turn.execute(() =>
        isKnown ? this.look(address, pair, verify) : this.lookAtUnknown(address, pair, verify),
      );
    } catch (error) {
      if (error instanceof BulkheadRejectedError) throw tooManyFailures(1000);
      throw error;
    }
  }

  /** Another process may have blocked it, or one before this in the queue. */
  private async lookAtUnknown<T>(
    address: string,
    pair: string,
    verify: () => Promise<T | null | false>,
  ): Promise<T | false> {
    this.requireOpen(pair);
    this.requireOpen(address);
    const [ofPair, ofAddress] = await Promise.all([this.pairs.peek(pair), this.addresses.peek(address)]);
    if (ofPair.remaining === 0) this.block(pair, ofPair.resetMs);
    if (ofAddress.remaining === 0) this.block(address, ofAddress.resetMs);
    this.requireOpen(pair);
    this.requireOpen(address);
    return this.look(address, pair, verify);
  }

  private async look<T>(address: string, pair: string, verify: () => Promise<T | null | false>): Promise<T | false> {
    const result = await verify();
    if (result) {
      this.known.set(pair, true);
      return result;
    }
    const [ofPair, ofAddress] = await Promise.all([this.pairs.count(pair), this.addresses.count(address)]);
    if (ofPair.remaining === 0) this.block(pair, ofPair.resetMs);
    if (ofAddress.remaining === 0) this.block(address, ofAddress.resetMs);
    if (!ofPair.isAllowed) throw tooManyFailures(ofPair.resetMs);
    return false;
  }

  private block(key: string, ms: number): void {
    this.blocked.set(key, performance.now() + ms);
  }

  private isBlocked(key: string): boolean {
    return (this.blocked.get(key) ?? 0) > performance.now();
  }

  private requireOpen(key: string): void {
    if (this.isBlocked(key)) throw tooManyFailures((this.blocked.get(key) ?? 0) - performance.now());
  }

  private turn(key: string, atOnce: number): BulkheadPolicy {
    const turn = this.turns.get(key) ?? bulkhead(atOnce, WAITING);
    this.turns.set(key, turn);
    return turn;
  }
}

const pairOf = (address: string, customerId: string): string => `${address} ${customerId.slice(0, 64)}`;

const tooManyFailures = (ms: number): Error =>
  refuse(429, 'Too many failed attempts to authenticate.', {
    code: 'too_many_failures',
    detail: 'Wait, then send the right customer ID and customer secret.',
    headers: { 'Retry-After': String(Math.ceil(ms / 1000)) },
  });
