import { Inject, Injectable } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { Env } from '#libs/config';
import { REDIS } from '#libs/queue';
import type { Quotas } from '../customer/quotas.js';

/** Callbacks of each customer per minute, over all API processes. */
@Injectable()
export class CallbackQuota {
  private readonly limiters = new Map<number, RateLimiterRedis>();

  constructor(
    private readonly env: Env,
    @Inject(REDIS) private readonly redis: Redis,
  ) {}

  /** 0 when the callback may be made, else how long it must wait, ms. */
  async consume({ customerId, quotas }: { customerId: string; quotas: Quotas }): Promise<number> {
    try {
      await this.limiter(quotas.callbacksPerMinute).consume(customerId);
      return 0;
    } catch (error) {
      if (error instanceof RateLimiterRes) return Math.max(100, error.msBeforeNext);
      throw error;
    }
  }

  private limiter(points: number): RateLimiterRedis {
    const limiter = this.limiters.get(points) ?? new RateLimiterRedis({ storeClient: this.redis, keyPrefix: `${this.env.REDIS_PREFIX}:callbacks`, points, duration: 60 });
    this.limiters.set(points, limiter);
    return limiter;
  }
}
