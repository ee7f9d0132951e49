import { Inject, Injectable } from '@nestjs/common';
import type { Redis } from 'ioredis';
import ipaddr from 'ipaddr.js';
import { Env } from '#libs/config';
import { REDIS } from '#libs/queue';
import { refuse } from '../problem.js';
import { RateLimit } from '../rate-limit.js';

/** What may be used up at once: a publisher sends its candidates in a burst, and an office of them stands behind one address. */
const WINDOW_S = 10;
/** One host of IPv6 has a whole network of addresses. */
const IPV6_NETWORK_PARTS = 4;

/** POST, PATCH and DELETE of WHIP (RFC 9725: "rate-limit"), by the publisher's address and by entry point. */
@Injectable()
export class WhipLimit {
  private readonly addresses: { perSecond: number; limit: RateLimit };
  private readonly entryPoints: { perSecond: number; limit: RateLimit };

  constructor(env: Env, @Inject(REDIS) redis: Redis) {
    const limit = (name: string, perSecond: number) => ({
      perSecond,
      limit: new RateLimit(redis, `${env.REDIS_PREFIX}:whip-${name}`, { points: perSecond * WINDOW_S, duration: WINDOW_S }),
    });
    this.addresses = limit('address', env.WHIP_ADDRESS_REQUESTS_PER_SECOND);
    this.entryPoints = limit('entry-point', env.WHIP_ENTRY_POINT_REQUESTS_PER_SECOND);
  }

  /** Before anything else is looked at. Throws 429. */
  async countAddress(ip: string | undefined): Promise<void> {
    await this.count(this.addresses, networkOf(ip ?? ''), 'from this address', 'from each address');
  }

  /** Once it is known that who asks may publish there: nobody else shall be able to use this up. Throws 429. */
  async countEntryPoint(id: string): Promise<void> {
    await this.count(this.entryPoints, id, 'for this entry point', 'for each entry point');
  }

  private async count({ perSecond, limit }: { perSecond: number; limit: RateLimit }, key: string, whose: string, each: string): Promise<void> {
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

/** What counts as one publisher: an IPv4 address, or an IPv6 network of 64 bits. */
function networkOf(ip: string): string {
  if (!ipaddr.isValid(ip)) return ip;
  const address = ipaddr.process(ip);
  return address instanceof ipaddr.IPv6 ? address.parts.slice(0, IPV6_NETWORK_PARTS).map((part) => part.toString(16)).join(':') : address.toString();
}
