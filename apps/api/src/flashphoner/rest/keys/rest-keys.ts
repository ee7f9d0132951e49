import { Injectable, Logger } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { PrismaService } from '#libs/db';
import type { Caller } from '../../../auth/caller.js';

/** "Last used" is for people; nobody needs it to the second. */
const TOUCH_INTERVAL_MS = 60_000;

/** Who asks with a REST key. */
@Injectable()
export class RestKeys {
  private readonly logger = new Logger(RestKeys.name);
  private readonly touched = new LRUCache<string, true>({ max: 10_000, ttl: TOUCH_INTERVAL_MS });

  constructor(private readonly prisma: PrismaService) {}

  /** The caller of a key, by its hash: its customer, as far as the key's project goes. Never an operator, whoever owns the project. Null for a key that is wrong or over. */
  async verify(keyHash: string): Promise<Caller | null> {
    const [found] = await this.prisma.$queryRaw<{ id: string; projectId: string; customerId: string }[]>`
      SELECT rest_keys.id, project_id AS "projectId", customer_id AS "customerId"
      FROM rest_keys JOIN projects ON projects.id = project_id JOIN customers ON customers.id = customer_id
      WHERE key_hash = ${keyHash} AND (expires_at IS NULL OR expires_at > now()) AND projects.deleted_at IS NULL AND customers.deleted_at IS NULL`;
    if (found === undefined) return null;
    this.touch(found.id);
    const { id, projectId, customerId } = found;
    return { customerId, projectId, role: 'customer', credentialId: id, limitKey: `rest-key:${id}`, bySession: false };
  }

  private touch(id: string): void {
    if (this.touched.has(id)) return;
    this.touched.set(id, true);
    this.prisma.restKey.updateMany({ where: { id }, data: { lastUsedAt: new Date() } }).catch((error: unknown) => {
      this.logger.warn(`last use of REST key ${id} not noted: ${String(error).slice(0, 200)}`);
    });
  }
}
