import { Inject, Injectable } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { Env } from '#libs/config';
import { REDIS } from '#libs/queue';
import { networkOf } from '../../http/network.js';
import { refuse } from '../../http/problem.js';
import { RateLimit } from '../../http/rate-limit.js';

/** What may be used up at once: a publisher sends its candidates in a burst, and an office of them stands behind one address. */
const WINDOW_S = 10;
/** A network that changes more often is none; each restart is a question to the node and three writes. */
const RESTARTS = { points: 10, duration: 60 };

/** POST, PATCH and DELETE of WHIP (RFC 9725: "rate-limit"), by the publisher's address and by entry point. */
@Injectable()
export class WhipLimit {
  private readonly addresses: { perSecond: number; limit: RateLimit };
  private readonly entryPoints: { perSecond: number; limit: RateLimit };
  private readonly restarts: RateLimit;

  constructor(env: Env, @Inject(REDIS) redis: Redis) {
    const limit = (name: string, perSecond: number) => ({
      perSecond,
      limit: new RateLimit(redis, `${env.REDIS_PREFIX}:whip-${name}`, {
        points: perSecond * WINDOW_S,
        duration: WINDOW_S,
      }),
    });
    this.addresses = limit('address', env.WHIP_ADDRESS_REQUESTS_PER_SECOND);
    this.entryPoints = limit('entry-point', env.WHIP_ENTRY_POINT_REQUESTS_PER_SECOND);
    this.restarts = new RateLimit(redis, `${env.REDIS_PREFIX}:whip-restarts`, RESTARTS);
  }

  /** Before anything else is looked at. Throws 429. */
  async countAddress(ip: string | undefined): Promise<void> {
    await this.count(this.addresses, networkOf(ip ?? ''), 'from this address', 'from each address');
  }

  /** Once it is known that who asks may publish there: nobody else must be able to use this up. Throws 429. */
  async countEntryPoint(id: string): Promise<void> {
    await this.count(this.entryPoints, id, 'for this entry point', 'for each entry point');
  }

  /** ICE restarts of one session. Throws 429. */
  async countRestart(sessionId: string): Promise<void> {
    const { isAllowed, resetMs } = await this.restarts.count(sessionId);
    if (isAllowed) return;
    throw refuse(429, 'Too many ICE restarts of this session.', {
      code: 'rate_limited',
      detail: `${RESTARTS.points} are allowed in ${RESTARTS.duration} seconds.`,
      headers: { 'Retry-After': String(Math.max(1, Math.ceil(resetMs / 1000))) },
    });
  }

  private async count(
    { perSecond, limit }: { perSecond: number; limit: RateLimit },
    key: string,
    whose: string,
    each: string,
  ): Promise<void> {
    if (perSecond === 0) return;
    const { isAllowed, resetMs } = await limit.count(key);
    if (isAllowed) return;
    throw refuse(429, `Too many requests ${whose}.`, {
      code: 'rate_limited',
      detail: `${perSecond} WHIP requests per second are allowed ${each}, over ${WINDOW_S} seconds.`,
      headers: { 'Retry-After': String(Math.max(1, Math.ceil(resetMs / 1000))) },
    });
  }
}
