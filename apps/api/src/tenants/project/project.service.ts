import { ConflictException, Injectable } from '@nestjs/common';
import { Prisma, PrismaService, SecretBox, type Project } from '#libs/db';
import { ownedBy, type Caller } from '../../auth/caller.js';
import { QuotaService } from '../customer/quotas.js';
import { Purge } from '../../retention/purge.js';
import { requireProject, unknownProject } from '../owned.js';
import { createProject, newSigningKey } from './new-project.js';
import type { UpdateProject } from './project.dto.js';

/** Of a project in the list: a cursor. */
interface PlaceInList {
  at: Date;
  id: string;
}

/** Those that come after it. The first condition says nothing new, but is one that Postgres finds in an index. */
const after = (last: PlaceInList | undefined): Prisma.ProjectWhereInput =>
  last === undefined
    ? {}
    : { createdAt: { gte: last.at }, OR: [{ createdAt: { gt: last.at } }, { id: { gt: last.id } }] };

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
    const [time = '', id = ''] = cursor?.split('.') ?? [];
    const last = cursor === undefined ? undefined : { at: new Date(Number(time)), id };
    const found = await this.prisma.project.findMany({
      where:
        q === '' ? { ...ownedBy(caller), ...after(last) } : { id: { in: await this.named(caller, q, limit, last) } },
      orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
      take: limit + 1,
    });
    const rows = found.slice(0, limit);
    const end = rows.at(-1);
    return {
      rows,
      nextCursor: found.length > limit && end !== undefined ? `${end.createdAt.getTime()}.${end.id}` : null,
    };
  }

  /**
   * Ids of the page after `last`, and of one more, whose name contains this. The index of parts of names is for operators, who search among all, with three letters or
   * digits together: with fewer, Postgres reads the whole index, and those of one customer are soon looked through.
   */
  private async named(caller: Caller, q: string, limit: number, last: PlaceInList | undefined): Promise<string[]> {
    const { role, customerId, projectId } = caller;
    // What LIKE reads as wildcards is meant as it stands.
    const pattern = `%${q.replace(/[\\%_]/g, '\\$&')}%`;
    const isByIndex = role === 'operator' && /[\p{L}\p{N}]{3}/u.test(q);
    const conditions = [
      Prisma.sql`deleted_at IS NULL`,
      ...(role === 'operator' ? [] : [Prisma.sql`customer_id = ${customerId}`]),
      ...(role === 'operator' || projectId === undefined ? [] : [Prisma.sql`id = ${projectId}`]),
      ...(last ? [Prisma.sql`created_at >= ${last.at} AND (created_at > ${last.at} OR id > ${last.id})`] : []),
      isByIndex ? Prisma.sql`name ILIKE ${pattern}` : Prisma.sql`name || '' ILIKE ${pattern}`,
    ];
    const found = await this.prisma.$queryRaw<{ id: string }[]>`
      SELECT id FROM projects WHERE ${Prisma.join(conditions, ' AND ')} ORDER BY created_at, id LIMIT ${limit + 1}`;
    return found.map(({ id }) => id);
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
