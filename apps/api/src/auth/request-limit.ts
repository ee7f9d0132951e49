import { Inject, Injectable } from '@nestjs/common';
import type { Response } from 'express';
import type { Redis } from 'ioredis';
import { Env } from '#libs/config';
import { REDIS } from '#libs/queue';
import { refuse } from '../http/problem.js';
import { RateLimit } from '../http/rate-limit.js';
import type { Caller } from './caller.js';

/** Requests per second and credential (Agora: 50). */
@Injectable()
export class RequestLimit {
  private readonly points: number;
  private readonly limit: RateLimit;

  constructor(env: Env, @Inject(REDIS) redis: Redis) {
    this.points = env.REQUESTS_PER_SECOND;
    this.limit = new RateLimit(redis, `${env.REDIS_PREFIX}:requests`, { points: this.points, duration: 1 });
  }

  /** Sets the RateLimit headers (draft-ietf-httpapi-ratelimit-headers-06). Throws 429. */
  async consume({ limitKey }: Caller, response: Response): Promise<void> {
    if (this.points === 0) return;
    const { isAllowed, remaining, resetMs } = await this.limit.count(limitKey);
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
}
