import { Injectable, NotFoundException } from '@nestjs/common';
import { Prisma, PrismaService } from '#libs/db';
import type { Caller } from '../../auth/caller.js';
import { type EntryPointPath, requireEntryPoint } from '../../tenants/owned.js';
import { spanOf, type HistoryQuery, type OnlineStreamResponse, type PublishInfoResponse } from './report.dto.js';

/** The newest of them; Agora's answer has no pages, and the list of streams does. */
const MAX_HISTORY = 1000;
/** More than a customer may run at once by default, ten times over. */
const MAX_ONLINE = 1000;

interface Publication {
  name: string;
  startedAt: Date;
  endedAt: Date;
}

/** Agora's reports: which streams are online, and which were. A stream is online from its first media on. */
@Injectable()
export class ReportService {
  constructor(private readonly prisma: PrismaService) {}

  async online(caller: Caller, path: EntryPointPath): Promise<OnlineStreamResponse[]> {
    const rows = await this.running(await this.entryPointId(caller, path), Prisma.empty);
    return rows.map(({ name, startedAt }) => ({ name, startTime: startedAt.toISOString() }));
  }

  /** Throws 404 for a stream that is not online. */
  async onlineStream(caller: Caller, path: EntryPointPath, streamName: string): Promise<{ startTime: string }> {
    const [row] = await this.running(await this.entryPointId(caller, path), Prisma.sql`AND name = ${streamName}`);
    if (row === undefined) throw new NotFoundException('This stream is not online.');
    return { startTime: row.startedAt.toISOString() };
  }

  /** Those that ended within the time, the latest end first. */
  async history(caller: Caller, path: EntryPointPath, query: HistoryQuery): Promise<PublishInfoResponse[]> {
    const { from, to } = spanOf(query, Date.now());
    const entryPointId = await this.entryPointId(caller, path);
    const isNamed = query.stream_name === undefined ? Prisma.empty : Prisma.sql`AND name = ${query.stream_name}`;
    // With the state as a literal, for the partial index.
    const rows = await this.prisma.$queryRaw<Publication[]>`
      SELECT name, started_at AS "startedAt", ended_at AS "endedAt" FROM streams
      WHERE entry_point_id = ${entryPointId}::uuid AND state = 'ended' AND started_at IS NOT NULL AND ended_at BETWEEN ${from} AND ${to} ${isNamed}
      ORDER BY ended_at DESC LIMIT ${MAX_HISTORY}`;
    return rows.map(({ name, startedAt, endedAt }) => ({
      name,
      startTime: startedAt.toISOString(),
      endTime: endedAt.toISOString(),
      duration: Math.round((endedAt.getTime() - startedAt.getTime()) / 1000),
    }));
  }

  private running(entryPointId: string, which: Prisma.Sql): Promise<Pick<Publication, 'name' | 'startedAt'>[]> {
    return this.prisma.$queryRaw`
      SELECT name, started_at AS "startedAt" FROM streams
      WHERE entry_point_id = ${entryPointId}::uuid AND state <> 'ended' AND started_at IS NOT NULL ${which} ORDER BY started_at DESC LIMIT ${MAX_ONLINE}`;
  }

  private async entryPointId(caller: Caller, path: EntryPointPath): Promise<string> {
    return (await requireEntryPoint(this.prisma, caller, path)).id;
  }
}
