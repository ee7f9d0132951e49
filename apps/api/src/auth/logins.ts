import { Inject, Injectable } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { LRUCache } from 'lru-cache';
import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible';
import { Env } from '#libs/config';
import { REDIS } from '#libs/queue';
import { refuse } from '../problem.js';

const WINDOW_S = 60;
const MAX_BLOCKED = 10_000;

/**
 * Slows down who tries secrets: after LOGIN_FAILURES_PER_MINUTE wrong ones from one address for one customer ID, that
 * address is not heard for that ID for a minute, right or wrong. Others behind other addresses notice nothing, so nobody can lock
 * a customer out.
 */
@Injectable()
export class Logins {
  private readonly failures: RateLimiterRedis;
  /** Who is blocked, until when (performance.now()): known without asking Redis for each request. */
  private readonly blocked = new LRUCache<string, number>({ max: MAX_BLOCKED });

  constructor(env: Env, @Inject(REDIS) redis: Redis) {
    const limit = { points: env.LOGIN_FAILURES_PER_MINUTE, duration: WINDOW_S };
    this.failures = new RateLimiterRedis({
      storeClient: redis,
      keyPrefix: `${env.REDIS_PREFIX}:logins`,
      ...limit,
      insuranceLimiter: new RateLimiterMemory(limit),
    });
  }

  /** The result of `verify`; a falsy one counts as a failure. Throws 429 with Retry-After while blocked. */
  async attempt<T>(ip: string | undefined, customerId: string, verify: () => Promise<T | null | false>): Promise<T | false> {
    const key = `${ip ?? ''} ${customerId.slice(0, 64)}`;
    const until = this.blocked.get(key) ?? 0;
    if (until > performance.now()) throw tooManyFailures(until - performance.now());
    const result = await verify();
    if (result) return result;
    await this.failures.consume(key).catch((over: unknown) => {
      const { msBeforeNext } = over as { msBeforeNext?: number };
      if (msBeforeNext === undefined) throw over;
      this.blocked.set(key, performance.now() + msBeforeNext);
      throw tooManyFailures(msBeforeNext);
    });
    return false;
  }
}

const tooManyFailures = (ms: number): Error =>
  refuse(429, 'Too many failed attempts to authenticate.', {
    code: 'too_many_failures',
    detail: 'Wait, then send the right customer ID and customer secret.',
    headers: { 'Retry-After': String(Math.ceil(ms / 1000)) },
  });
