import { Inject, Injectable } from '@nestjs/common';
import type { Response } from 'express';
import type { Redis } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { Env } from '#libs/config';
import { REDIS } from '#libs/queue';
import { refuse } from '../problem.js';
import type { Caller } from './caller.js';

/** While Redis is away, each process counts for itself, and does not make every request wait for Redis first. */
const REDIS_AWAY_MS = 5000;

/** Requests per second and credential (Agora: 50), counted in Redis for all API processes together. */
@Injectable()
export class RequestLimit {
  private readonly points: number;
  private readonly shared: RateLimiterRedis;
  private readonly local: RateLimiterMemory;
  private localUntil = 0;

  constructor(env: Env, @Inject(REDIS) redis: Redis) {
    this.points = env.REQUESTS_PER_SECOND;
    const limit = { points: this.points, duration: 1 };
    this.shared = new RateLimiterRedis({ storeClient: redis, keyPrefix: `${env.REDIS_PREFIX}:requests`, ...limit });
    this.local = new RateLimiterMemory(limit);
  }

  /** Sets the RateLimit headers (draft-ietf-httpapi-ratelimit-headers-06). Throws 429. */
  async consume({ limitKey }: Caller, response: Response): Promise<void> {
    if (this.points === 0) return;
    const { isAllowed, remaining, resetMs } = await this.count(limitKey);
    const resetS = Math.max(1, Math.ceil(resetMs / 1000));
    response.setHeader('RateLimit-Limit', String(this.points));
    response.setHeader('RateLimit-Remaining', String(remaining));
    response.setHeader('RateLimit-Reset', String(resetS));
    if (!isAllowed) {
      throw refuse(429, 'API rate limit exceeded', {
        code: 'rate_limited',
        detail: `${this.points} requests per second are allowed for each credential.`,
        headers: { 'Retry-After': String(resetS) },
      });
    }
  }

  private async count(key: string): Promise<{ isAllowed: boolean; remaining: number; resetMs: number }> {
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
}
