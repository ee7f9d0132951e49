import { ConflictException, Injectable } from '@nestjs/common';
import { type Prisma, PrismaService, SecretBox, type Project } from '#libs/db';
import { ownedBy, type Caller } from '../../auth/caller.js';
import { QuotaService } from '../customer/quotas.js';
import { Purge } from '../../retention/purge.js';
import { requireProject, unknownProject } from '../owned.js';
import { createProject, newSigningKey } from './new-project.js';
import type { UpdateProject } from './project.dto.js';

/** A customer's projects. */
@Injectable()
export class ProjectService {
  constructor(
    private readonly prisma: PrismaService,
    private readonly box: SecretBox,
    private readonly quotas: QuotaService,
    private readonly purge: Purge,
  ) {}

  /** Oldest first; with `q`, those whose name contains it. A cursor says when its project was made, so that it is good when the project is gone. */
  async list(
    caller: Caller,
    limit: number,
    cursor: string | undefined,
    q = '',
  ): Promise<{ rows: Project[]; nextCursor: string | null }> {
    const [time, after] = cursor?.split('.') ?? [];
    const at = new Date(Number(time));
    // The first condition says nothing new, but is one that Postgres finds in an index.
    const later =
      after === undefined ? {} : { createdAt: { gte: at }, OR: [{ createdAt: { gt: at } }, { id: { gt: after } }] };
    const found = await this.prisma.project.findMany({
      where: { ...ownedBy(caller), ...later, ...nameContains(q) },
      orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
      take: limit + 1,
    });
    const rows = found.slice(0, limit);
    const last = rows.at(-1);
    return {
      rows,
      nextCursor: found.length > limit && last !== undefined ? `${last.createdAt.getTime()}.${last.id}` : null,
    };
  }

  create({ customerId }: Caller, name: string): Promise<Project> {
    return this.quotas.within(
      customerId,
      'projects',
      (tx) => tx.project.count({ where: { customerId, deletedAt: null } }),
      (tx) => createProject(tx, customerId, name, this.box),
    );
  }

  get(caller: Caller, appid: string): Promise<Project> {
    return requireProject(this.prisma, caller, appid);
  }

  async change(caller: Caller, appid: string, { name, authKey }: UpdateProject): Promise<Project> {
    const sealed = authKey == null ? authKey : this.box.seal(authKey, `auth-key:${appid}`);
    return this.update(caller, appid, { name, authKey: sealed });
  }

  async rotateSigningKey(caller: Caller, appid: string): Promise<void> {
    await this.update(caller, appid, { signingKey: newSigningKey(appid, this.box) });
  }

  /** Refused while a stream runs: its node would go on forwarding what no row describes any more. */
  async remove(caller: Caller, appid: string): Promise<void> {
    await this.get(caller, appid);
    await this.prisma.$transaction(async (tx) => {
      // A stream that just begins holds a share of this lock.
      await tx.$queryRaw`SELECT 1 FROM projects WHERE id = ${appid} FOR UPDATE`;
      const running = await tx.$queryRaw<
        unknown[]
      >`SELECT 1 FROM streams WHERE project_id = ${appid} AND state <> 'ended' LIMIT 1`;
      if (running.length > 0) throw new ConflictException('Streams of this project are running; end them first.');
      await tx.project.update({ where: { id: appid }, data: { deletedAt: new Date() } });
    });
    this.purge.begin();
  }

  private async update(caller: Caller, appid: string, data: Prisma.ProjectUpdateManyMutationInput): Promise<Project> {
    const [project] = await this.prisma.project.updateManyAndReturn({ where: { ...ownedBy(caller), id: appid }, data });
    if (project === undefined) throw unknownProject();
    return project;
  }
}

/** Prisma passes on what LIKE reads as wildcards. */
const nameContains = (q: string): Prisma.ProjectWhereInput =>
  q === '' ? {} : { name: { contains: q.replace(/[\\%_]/g, '\\$&'), mode: 'insensitive' } };
