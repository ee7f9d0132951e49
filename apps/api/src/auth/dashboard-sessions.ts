import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { createHash, randomBytes } from 'node:crypto';
import { PrismaService } from '#libs/db';
import { networkOf } from '../http/network.js';
import { refuse } from '../http/problem.js';
import type { Caller } from './caller.js';

/** Whoever does not come back within this signs in again. */
const IDLE_MS = 12 * 3_600_000;
/** And after this in any case. */
const LIFE_MS = 7 * 86_400_000;
const TOUCH_INTERVAL_MS = 300_000;
/** As `begin` makes them: 32 bytes. */
const TOKEN = /^[\w-]{43}$/;
/** Of one address in MISSES_S; a dashboard whose session is over asks a few times and stops. */
const MAX_MISSES = 100;
const MISSES_S = 10;
const REMEMBERED = 10_000;

/** Who is signed in at the dashboard. */
@Injectable()
export class DashboardSessions {
  /** Sessions that were good when they were looked up last: their readers do not suffer by who shares their address. */
  private readonly known = new LRUCache<string, true>({ max: REMEMBERED });
  private readonly misses = new LRUCache<string, number>({ max: REMEMBERED, ttl: MISSES_S * 1000, noUpdateTTL: true });

  constructor(private readonly prisma: PrismaService) {}

  /** Life of the cookie, s. */
  readonly maxAgeS = LIFE_MS / 1000;

  /** Returns the cookie's token; only its hash is kept. It is good for as long as the secret is that it was begun with. */
  async begin(customerId: string, credentialId: string): Promise<string> {
    const token = randomBytes(32).toString('base64url');
    await this.prisma.dashboardSession.create({
      data: { id: hash(token), customerId, credentialId, expiresAt: new Date(Date.now() + LIFE_MS) },
    });
    return token;
  }

  /** Throws 429 while an address has sent too many tokens that are none: each costs a query, and anybody can send them. */
  async caller(token: string | undefined, ip: string | undefined): Promise<Caller | null> {
    if (token === undefined || !TOKEN.test(token)) return null;
    const id = hash(token);
    const address = networkOf(ip ?? '');
    if (!this.known.has(id) && (this.misses.get(address) ?? 0) >= MAX_MISSES)
      throw refuse(429, 'Too many session cookies that are not valid.', {
        code: 'too_many_failures',
        headers: { 'Retry-After': String(MISSES_S) },
      });
    const caller = await this.find(id);
    if (caller === null) {
      this.known.delete(id);
      this.misses.set(address, (this.misses.get(address) ?? 0) + 1);
    } else this.known.set(id, true);
    return caller;
  }

  private async find(id: string): Promise<Caller | null> {
    const now = Date.now();
    const session = await this.prisma.dashboardSession.findUnique({
      where: { id, credential: { revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: new Date(now) } }] } },
      include: { customer: { select: { role: true } } },
    });
    if (session === null || session.expiresAt.getTime() < now || session.lastUsedAt.getTime() < now - IDLE_MS)
      return null;
    if (session.lastUsedAt.getTime() < now - TOUCH_INTERVAL_MS) {
      await this.prisma.dashboardSession.updateMany({ where: { id }, data: { lastUsedAt: new Date(now) } });
    }
    return {
      customerId: session.customerId,
      role: session.customer.role,
      credentialId: session.credentialId,
      limitKey: `session:${session.credentialId}`,
      bySession: true,
      sessionId: id,
    };
  }

  async end(token: string): Promise<void> {
    await this.prisma.dashboardSession.deleteMany({ where: { id: hash(token) } });
  }

  /** Signs out everywhere. */
  async endAll(customerId: string): Promise<void> {
    await this.prisma.dashboardSession.deleteMany({ where: { customerId } });
  }
}

const hash = (token: string): string => createHash('sha256').update(token).digest('base64url');
