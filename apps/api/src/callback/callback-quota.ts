import { Inject, Injectable } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { Env } from '#libs/config';
import { REDIS } from '#libs/queue';
import type { Quotas } from '../tenants/customer/customer.dto.js';

/** Of a minute's callbacks, what tests and REST hooks may use together; the rest is kept for streams, however much somebody tries out or publishers come and go. */
const OTHERS_SHARE = 0.8;

/** Whose callbacks, and how many are allowed. */
interface Consumer {
  customerId: string;
  quotas: Quotas;
}

/** Callbacks of each customer per minute, over all API processes. */
@Injectable()
export class CallbackQuota {
  private readonly limiters = new Map<string, RateLimiterRedis>();

  constructor(
    private readonly env: Env,
    @Inject(REDIS) private readonly redis: Redis,
  ) {}

  /** 0 when the callback may be made, else how long it must wait, ms. */
  consume({ customerId, quotas }: Consumer): Promise<number> {
    return this.take('callbacks', quotas.callbacksPerMinute, customerId);
  }

  /** The same for what no stream waits for: a REST hook, a callback that is only tried out, and each connection to a platform that is. */
  async consumeForOthers({ customerId, quotas }: Consumer): Promise<number> {
    const waitMs = await this.take('others', Math.ceil(OTHERS_SHARE * quotas.callbacksPerMinute), customerId);
    return waitMs > 0 ? waitMs : this.consume({ customerId, quotas });
  }

  /** The same for the question whether a publisher may publish. Counted for itself: who tries again and again must not use up what streams need. */
  consumeForPublisher({ customerId, quotas }: Consumer): Promise<number> {
    return this.take('publishers', quotas.callbacksPerMinute, customerId);
  }

  private async take(what: 'callbacks' | 'others' | 'publishers', points: number, customerId: string): Promise<number> {
    try {
      await this.limiter(what, points).consume(customerId);
      return 0;
    } catch (error) {
      if (error instanceof RateLimiterRes) return Math.max(100, error.msBeforeNext);
      throw error;
    }
  }

  private limiter(what: string, points: number): RateLimiterRedis {
    const key = `${what} ${points}`;
    const limiter =
      this.limiters.get(key) ??
      new RateLimiterRedis({
        storeClient: this.redis,
        keyPrefix: `${this.env.REDIS_PREFIX}:${what}`,
        points,
        duration: 60,
      });
    this.limiters.set(key, limiter);
    return limiter;
  }
}
