import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { Prisma, PrismaService } from '#libs/db';
import { endStream } from '../streams/end-stream.js';
import { deleteRows, deleteStreams } from './delete-rows.js';

/** Deletes the rows of customers, projects and entry points that are marked as deleted: in small steps, events included. */
@Injectable()
export class Purge implements OnModuleDestroy {
  private readonly logger = new Logger(Purge.name);
  private purging: Promise<void> | null = null;
  private again = false;
  private stopped = false;

  constructor(private readonly prisma: PrismaService) {}

  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    await this.purging;
  }

  /** Nobody waits for it. What fails or is cut off by the end of the process, housekeeping tries again. */
  begin(): void {
    this.again = true;
    this.purging ??= this.rounds().finally(() => (this.purging = null));
  }

  private async rounds(): Promise<void> {
    try {
      while (this.again && !this.stopped) {
        this.again = false;
        await this.round();
      }
    } catch (error) {
      this.logger.warn(`deleted rows not cleared away: ${String(error).slice(0, 200)}`);
    }
  }

  private async round(): Promise<void> {
    const entryPoints = await this.prisma.entryPoint.findMany({
      where: { deletedAt: { not: null } },
      select: { id: true },
    });
    for (const { id } of entryPoints) await this.entryPoint(id);
    const projects = await this.prisma.project.findMany({ where: { deletedAt: { not: null } }, select: { id: true } });
    for (const { id } of projects) await this.project(id);
    const customers = await this.prisma.customer.findMany({
      where: { deletedAt: { not: null } },
      select: { id: true },
    });
    for (const { id } of customers) await this.customer(id);
  }

  private async customer(id: string): Promise<void> {
    await this.drain('idempotency_keys', Prisma.sql`customer_id = ${id}`);
    if (!this.stopped) await this.prisma.customer.deleteMany({ where: { id, projects: { none: {} } } });
  }

  private async project(id: string): Promise<void> {
    await this.streams({ projectId: id });
    const entryPoints = await this.prisma.entryPoint.findMany({ where: { projectId: id }, select: { id: true } });
    for (const entryPoint of entryPoints) await this.entryPoint(entryPoint.id);
    await this.drain('events', Prisma.sql`project_id = ${id}`);
    if (!this.stopped) await this.prisma.project.deleteMany({ where: { id, streams: { none: {} } } });
  }

  private async entryPoint(id: string): Promise<void> {
    await this.streams({ entryPointId: id });
    for (const table of ['callback_deliveries', 'last_answers', 'callback_secrets'])
      await this.drain(table, Prisma.sql`entry_point_id = ${id}::uuid`);
    if (!this.stopped) await this.prisma.entryPoint.deleteMany({ where: { id, streams: { none: {} } } });
  }

  private async streams(of: { projectId: string } | { entryPointId: string }): Promise<void> {
    // Begun at the same moment: who had been let in before the mark was there.
    const running = await this.prisma.stream.findMany({
      where: { ...of, state: { not: 'ended' } },
      select: { id: true },
    });
    for (const { id } of running) await endStream(this.prisma, id, { reason: 'kicked' });
    const condition =
      'projectId' in of
        ? Prisma.sql`project_id = ${of.projectId}`
        : Prisma.sql`entry_point_id = ${of.entryPointId}::uuid`;
    await deleteStreams(this.prisma, condition, 'with history', () => this.stopped);
  }

  private async drain(table: string, condition: Prisma.Sql): Promise<void> {
    await deleteRows(this.prisma, table, condition, () => this.stopped);
  }
}
