import { Injectable } from '@nestjs/common';
import { createHash, randomBytes } from 'node:crypto';
import { PrismaService } from '#libs/db';
import type { Caller } from './caller.js';

/** Whoever does not come back within this signs in again. */
const IDLE_MS = 12 * 3_600_000;
/** And after this in any case. */
const LIFE_MS = 7 * 86_400_000;
const TOUCH_INTERVAL_MS = 300_000;

/** Who is signed in at the dashboard. */
@Injectable()
export class DashboardSessions {
  constructor(private readonly prisma: PrismaService) {}

  /** Life of the cookie, s. */
  readonly maxAgeS = LIFE_MS / 1000;

  /** Returns the cookie's token; only its hash is kept. It is good for as long as the secret is that it was begun with. */
  async begin(customerId: string, credentialId: string): Promise<string> {
    const token = randomBytes(32).toString('base64url');
    await this.prisma.dashboardSession.create({ data: { id: hash(token), customerId, credentialId, expiresAt: new Date(Date.now() + LIFE_MS) } });
    return token;
  }

  async caller(token: string): Promise<Caller | null> {
    const id = hash(token);
    const now = Date.now();
    const session = await this.prisma.dashboardSession.findUnique({
      where: { id, credential: { revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: new Date(now) } }] } },
      include: { customer: { select: { role: true } } },
    });
    if (session === null || session.expiresAt.getTime() < now || session.lastUsedAt.getTime() < now - IDLE_MS) return null;
    if (session.lastUsedAt.getTime() < now - TOUCH_INTERVAL_MS) {
      await this.prisma.dashboardSession.updateMany({ where: { id }, data: { lastUsedAt: new Date(now) } });
    }
    return { customerId: session.customerId, role: session.customer.role, credentialId: session.credentialId, limitKey: `session:${session.credentialId}`, bySession: true, sessionId: id };
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
