import type { Redis } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';

/** While Redis is away, each process counts for itself, and does not make every request wait for Redis first. */
const REDIS_AWAY_MS = 5000;

/** What became of one request. */
export interface Counted {
  isAllowed: boolean;
  remaining: number;
  /** Until the count begins again, ms. */
  resetMs: number;
}

/** Counts requests by key, in Redis for all API processes together. */
export class RateLimit {
  private readonly shared: RateLimiterRedis;
  private readonly local: RateLimiterMemory;
  private localUntil = 0;
  private readonly points: number;

  /** @param limit at most `points` in each `duration` seconds. */
  constructor(redis: Redis, keyPrefix: string, limit: { points: number; duration: number }) {
    this.shared = new RateLimiterRedis({ storeClient: redis, keyPrefix, ...limit });
    this.local = new RateLimiterMemory(limit);
    this.points = limit.points;
  }

  async count(key: string): Promise<Counted> {
    const limiter = performance.now() < this.localUntil ? this.local : this.shared;
    try {
      const { remainingPoints, msBeforeNext } = await limiter.consume(key);
      return { isAllowed: true, remaining: remainingPoints, resetMs: msBeforeNext };
    } catch (error) {
      if (error instanceof RateLimiterRes) return { isAllowed: false, remaining: 0, resetMs: error.msBeforeNext };
      this.localUntil = performance.now() + REDIS_AWAY_MS;
      return this.count(key);
    }
  }

  /** The same without counting. */
  async peek(key: string): Promise<Counted> {
    const limiter = performance.now() < this.localUntil ? this.local : this.shared;
    try {
      const { remainingPoints = this.points, msBeforeNext = 0 } = (await limiter.get(key)) ?? {};
      return { isAllowed: remainingPoints > 0, remaining: Math.max(0, remainingPoints), resetMs: msBeforeNext };
    } catch {
      this.localUntil = performance.now() + REDIS_AWAY_MS;
      return this.peek(key);
    }
  }
}
