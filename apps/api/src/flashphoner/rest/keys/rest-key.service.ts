import { Injectable, NotFoundException } from '@nestjs/common';
import { type Prisma, PrismaService, recordEvent, type RestKey } from '#libs/db';
import { ownedBy, type Caller } from '../../../auth/caller.js';
import { requireProject } from '../../../tenants/owned.js';
import { refuse } from '../../../http/problem.js';
import type { CreateRestKey } from './rest-key.dto.js';
import { newRestKey, restKeyHash } from './rest-key.js';

/** More than a project has pages; a list that long nobody reads. */
const MAX_VALID = 50;

/** The REST keys of one project. */
@Injectable()
export class RestKeyService {
  constructor(private readonly prisma: PrismaService) {}

  async list(caller: Caller, appid: string): Promise<RestKey[]> {
    await requireProject(this.prisma, caller, appid);
    return this.prisma.restKey.findMany({
      where: { project: { ...ownedBy(caller), id: appid }, ...valid() },
      orderBy: { id: 'asc' },
    });
  }

  async create(
    caller: Caller,
    appid: string,
    { label, expiresIn }: CreateRestKey,
  ): Promise<{ row: RestKey; key: string }> {
    await requireProject(this.prisma, caller, appid);
    const key = newRestKey();
    const expiresAt = expiresIn === undefined ? null : new Date(Date.now() + expiresIn * 1000);
    return this.prisma.$transaction(async (tx) => {
      // Locked, so that of two at once not both are the last that fits.
      await tx.$queryRaw`SELECT 1 FROM projects WHERE id = ${appid} FOR NO KEY UPDATE`;
      if ((await tx.restKey.count({ where: { projectId: appid, ...valid() } })) >= MAX_VALID) {
        throw refuse(409, `A project has ${MAX_VALID} valid REST keys at most; revoke one.`, {
          code: 'too_many_rest_keys',
        });
      }
      const row = await tx.restKey.create({ data: { projectId: appid, label, keyHash: restKeyHash(key), expiresAt } });
      await recordEvent(tx, { projectId: appid, type: 'rest_key.created', data: { restKeyId: row.id, label } });
      return { row, key };
    });
  }

  /** At once: the next request with it is 401. */
  async revoke(caller: Caller, appid: string, restKeyId: string): Promise<void> {
    await this.prisma.$transaction(async (tx) => {
      const { count } = await tx.restKey.deleteMany({
        where: { id: restKeyId, project: { ...ownedBy(caller), id: appid } },
      });
      if (count === 0) throw new NotFoundException('This REST key does not exist.');
      await recordEvent(tx, { projectId: appid, type: 'rest_key.revoked', data: { restKeyId } });
    });
  }
}

const valid = (): Prisma.RestKeyWhereInput => ({ OR: [{ expiresAt: null }, { expiresAt: { gt: new Date() } }] });
