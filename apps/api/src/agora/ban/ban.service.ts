import { Injectable, NotFoundException } from '@nestjs/common';
import { type BannedStream, PrismaService, recordEvent } from '#libs/db';
import type { Caller } from '../../auth/caller.js';
import { type EntryPointPath, namedEntryPoint, unknownEntryPoint } from '../../tenants/owned.js';
import { refuse } from '../../http/problem.js';
import { StreamService } from '../../streams/stream.service.js';

/** Of one entry point: each is a row for as long as it holds. */
const MAX_BANS = 10_000;

/** Names that nobody may publish under (Agora: admin/banned_streams). */
@Injectable()
export class BanService {
  constructor(
    private readonly prisma: PrismaService,
    private readonly streams: StreamService,
  ) {}

  /** Those that hold, sorted by end, earliest first. */
  async list(caller: Caller, path: EntryPointPath): Promise<BannedStream[]> {
    const { id } = await this.entryPoint(caller, path);
    return this.prisma.bannedStream.findMany({
      where: { entryPointId: id, resumeTime: { gt: new Date() } },
      orderBy: [{ resumeTime: 'asc' }, { streamName: 'asc' }],
    });
  }

  /** From now on; a stream of this name that runs is ended. Banning a banned name changes its end. */
  async ban(caller: Caller, path: EntryPointPath, streamName: string, resumeTime: Date): Promise<BannedStream> {
    const { id: entryPointId, project } = await this.entryPoint(caller, path);
    const { row, running } = await this.prisma.$transaction(async (tx) => {
      // The lock under which streams begin (begin_stream): either the ban is seen there, or the stream is found here and ended.
      await tx.$queryRaw`SELECT 1 FROM customers WHERE id = ${project.customerId} FOR NO KEY UPDATE`;
      if ((await tx.bannedStream.count({ where: { entryPointId, streamName: { not: streamName } } })) >= MAX_BANS)
        throw refuse(409, `An entry point has ${MAX_BANS} banned names at most.`, { code: 'too_many_bans' });
      const where = { entryPointId_streamName: { entryPointId, streamName } };
      const row = await tx.bannedStream.upsert({
        where,
        create: { entryPointId, streamName, resumeTime },
        update: { resumeTime },
      });
      const [running] = await tx.$queryRaw<
        { id: string }[]
      >`SELECT id FROM streams WHERE entry_point_id = ${entryPointId}::uuid AND name = ${streamName} AND state <> 'ended'`;
      const data = { streamName, entryPoint: path.entryPoint, resumeTime: resumeTime.toISOString() };
      await recordEvent(tx, { projectId: path.appid, streamId: running?.id, type: 'stream.banned', data });
      return { row, running };
    });
    if (running !== undefined) await this.streams.kick(caller, { appid: path.appid, streamId: running.id }, 'banned');
    return row;
  }

  /** Throws 404 for a name that is not banned. */
  async unban(caller: Caller, path: EntryPointPath, streamName: string): Promise<void> {
    const { id } = await this.entryPoint(caller, path);
    await this.prisma.$transaction(async (tx) => {
      const { count } = await tx.bannedStream.deleteMany({
        where: { entryPointId: id, streamName, resumeTime: { gt: new Date() } },
      });
      if (count === 0) throw new NotFoundException('This stream name is not banned.');
      await recordEvent(tx, {
        projectId: path.appid,
        type: 'stream.unbanned',
        data: { streamName, entryPoint: path.entryPoint },
      });
    });
  }

  private async entryPoint(
    caller: Caller,
    path: EntryPointPath,
  ): Promise<{ id: string; project: { customerId: string } }> {
    const found = await this.prisma.entryPoint.findFirst({
      where: namedEntryPoint(caller, path),
      select: { id: true, project: { select: { customerId: true } } },
    });
    if (found === null) throw unknownEntryPoint();
    return found;
  }
}
