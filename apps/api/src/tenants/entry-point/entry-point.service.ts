import { ConflictException, Injectable } from '@nestjs/common';
import { Prisma, PrismaService, type EntryPoint } from '#libs/db';
import type { Caller } from '../../auth/caller.js';
import { QuotaService } from '../customer/quotas.js';
import { Purge } from '../../retention/purge.js';
import { type EntryPointPath, requireEntryPoint, requireProject } from '../owned.js';
import { DEFAULT_ENTRY_POINT } from '../project/new-project.js';

/** The entry points of one project. */
@Injectable()
export class EntryPointService {
  constructor(
    private readonly prisma: PrismaService,
    private readonly quotas: QuotaService,
    private readonly purge: Purge,
  ) {}

  async list(caller: Caller, appid: string): Promise<EntryPoint[]> {
    await requireProject(this.prisma, caller, appid);
    return this.prisma.entryPoint.findMany({
      where: { projectId: appid, deletedAt: null },
      orderBy: { id: 'asc' },
    });
  }

  async create(caller: Caller, appid: string, name: string): Promise<EntryPoint> {
    const { customerId } = await requireProject(this.prisma, caller, appid);
    const count = (tx: Prisma.TransactionClient) =>
      tx.entryPoint.count({ where: { projectId: appid, deletedAt: null } });
    const make = (tx: Prisma.TransactionClient) => tx.entryPoint.create({ data: { projectId: appid, name } });
    return this.unlessTaken(() => this.quotas.within(customerId, 'entryPoints', count, make));
  }

  get(caller: Caller, path: EntryPointPath): Promise<EntryPoint> {
    return requireEntryPoint(this.prisma, caller, path);
  }

  async rename(caller: Caller, path: EntryPointPath, newName: string): Promise<EntryPoint> {
    const entryPoint = await this.get(caller, path);
    if (newName === path.entryPoint) return entryPoint;
    if (path.entryPoint === DEFAULT_ENTRY_POINT)
      throw new ConflictException(`The entry point ${DEFAULT_ENTRY_POINT} keeps its name.`);
    return this.unlessTaken(() =>
      this.prisma.entryPoint.update({ where: { id: entryPoint.id }, data: { name: newName } }),
    );
  }

  /** Refused while a stream runs on it, as for projects. */
  async remove(caller: Caller, path: EntryPointPath): Promise<void> {
    const { id } = await this.get(caller, path);
    if (path.entryPoint === DEFAULT_ENTRY_POINT)
      throw new ConflictException(`The entry point ${DEFAULT_ENTRY_POINT} cannot be deleted.`);
    await this.prisma.$transaction(async (tx) => {
      // A stream that just begins holds a share of this lock.
      await tx.$queryRaw`SELECT 1 FROM entry_points WHERE id = ${id}::uuid FOR UPDATE`;
      const running = await tx.$queryRaw<
        unknown[]
      >`SELECT 1 FROM streams WHERE entry_point_id = ${id}::uuid AND state <> 'ended' LIMIT 1`;
      if (running.length > 0) throw new ConflictException('Streams are running on this entry point; end them first.');
      await tx.entryPoint.update({ where: { id }, data: { deletedAt: new Date() } });
    });
    this.purge.begin();
  }

  private async unlessTaken(write: () => Promise<EntryPoint>): Promise<EntryPoint> {
    try {
      return await write();
    } catch (error) {
      if (error instanceof Prisma.PrismaClientKnownRequestError && error.code === 'P2002') {
        throw new ConflictException('The project has an entry point of this name already.');
      }
      throw error;
    }
  }
}
