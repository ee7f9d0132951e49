import { Injectable, Logger, NotFoundException } from '@nestjs/common';
import { Prisma, PrismaService, type StreamState } from '#libs/db';
import { Registry, Wire, WireError, WireTimeout } from '#libs/queue';
import { ownedBy, type Caller } from '../auth/caller.js';
import { toPage } from '../http/page.js';
import { requireProject } from '../tenants/owned.js';
import { isUnavailable } from '../http/unavailable.js';
import { endStream } from './end-stream.js';
import type { LiveFigures } from './live-figures.js';
import {
  toStreamResponse,
  type AllStreamsQuery,
  type StreamDetails,
  type StreamPage,
  type StreamQuery,
  type StreamResponse,
  type StreamRow,
} from './stream.dto.js';
import type { StreamPath } from './stream-path.js';

/** Longer than a node needs to close a stream's outputs properly. */
const KICK_TIMEOUT_MS = 8000;
const THUMBNAIL_TIMEOUT_MS = 3000;
const WITH_NAME = { entryPoint: { select: { name: true } } } as const;

/** The streams of one project. */
@Injectable()
export class StreamService {
  private readonly logger = new Logger(StreamService.name);

  constructor(
    private readonly prisma: PrismaService,
    private readonly registry: Registry,
    private readonly wire: Wire,
  ) {}

  /** Newest first. */
  async list(caller: Caller, appid: string, query: StreamQuery): Promise<StreamPage> {
    await requireProject(this.prisma, caller, appid);
    const where =
      query.entry_point === undefined
        ? Prisma.sql`project_id = ${appid}`
        : await this.ofEntryPoint(appid, query.entry_point);
    if (where === undefined) return { streams: [], nextCursor: null };
    const { rows, nextCursor } = await this.page(where, query);
    const details = await this.details(rows);
    return { streams: rows.map((row) => toStreamResponse(row, details(row.id), caller.role)), nextCursor };
  }

  /** One condition, by the id: of two, each true for many rows, Postgres thinks that few rows meet both, and sorts them all. */
  private async ofEntryPoint(projectId: string, name: string): Promise<Prisma.Sql | undefined> {
    const found = await this.prisma.entryPoint.findFirst({
      where: { projectId, name, deletedAt: null },
      select: { id: true },
    });
    return found === null ? undefined : Prisma.sql`entry_point_id = ${found.id}::uuid`;
  }

  /** Of all projects, for operators. */
  async listAll(query: AllStreamsQuery): Promise<StreamPage> {
    const { rows, nextCursor } = await this.page(
      Prisma.sql`project_id NOT IN (SELECT id FROM projects WHERE deleted_at IS NOT NULL)`,
      query,
    );
    const details = await this.details(rows);
    const streams = rows.map((row) => ({
      ...toStreamResponse(row, details(row.id), 'operator'),
      appid: row.projectId,
      customerId: row.project.customerId,
      customerName: row.project.customer.name,
      projectName: row.project.name,
    }));
    return { streams, nextCursor };
  }

  /** A JPEG of the last seconds. */
  async thumbnail(caller: Caller, path: StreamPath): Promise<Buffer> {
    const { id, ownerNode, state } = await this.find(caller, path);
    if (ownerNode === null || state === 'ended') throw noPicture();
    const { jpeg } = await this.wire
      .ask(ownerNode, 'thumbnail', { streamId: id }, THUMBNAIL_TIMEOUT_MS)
      .catch((error: unknown) => {
        if (error instanceof WireTimeout || error instanceof WireError) return { jpeg: null };
        throw error;
      });
    if (jpeg === null) throw noPicture();
    return Buffer.from(jpeg, 'base64');
  }

  async get(caller: Caller, path: StreamPath): Promise<StreamResponse> {
    const stream = await this.find(caller, path);
    const details = await this.details([stream]);
    return toStreamResponse(stream, details(stream.id), caller.role);
  }

  /** Ends a stream. Its node closes the outputs properly; if it cannot, the database's word fences it off. */
  async kick(caller: Caller, path: StreamPath, reason: 'kicked' | 'banned' = 'kicked'): Promise<void> {
    const { id, state, ownerNode } = await this.find(caller, path);
    if (state === 'ended') return;
    if (ownerNode !== null) {
      try {
        await this.wire.ask(ownerNode, 'endStream', { streamId: id, reason }, KICK_TIMEOUT_MS);
        return;
      } catch (error) {
        if (!(error instanceof WireTimeout || error instanceof WireError || isUnavailable(error))) throw error;
        this.logger.warn(`node ${ownerNode} did not end stream ${id}, the database does: ${String(error)}`);
      }
    }
    await endStream(this.prisma, id, { reason });
  }

  /** Ids first, by hand: see `isInState`. */
  private async page(where: Prisma.Sql, { state, cursor, limit }: AllStreamsQuery) {
    // Ids are UUIDs of version 7: their order is the order in time.
    const found = await this.prisma.$queryRaw<{ id: string }[]>`
      SELECT id FROM streams WHERE ${where} ${isInState(state)} ${cursor === undefined ? Prisma.empty : Prisma.sql`AND id < ${cursor}::uuid`}
      ORDER BY id DESC LIMIT ${limit + 1}`;
    const { rows: ids, nextCursor } = toPage(found, limit);
    const rows = await this.prisma.stream.findMany({
      where: { id: { in: ids.map(({ id }) => id) } },
      include: {
        ...WITH_NAME,
        project: { select: { customerId: true, name: true, customer: { select: { name: true } } } },
      },
      orderBy: { id: 'desc' },
    });
    return { rows, nextCursor };
  }

  private async details(rows: StreamRow[]): Promise<(streamId: string) => StreamDetails> {
    const ids = rows.map(({ id }) => id);
    const running = rows.filter(({ state }) => state !== 'ended').map(({ id }) => id);
    // Counted there: a stream may have had a thousand transfers.
    const [counts, live] = await Promise.all([
      this.prisma.transfer.groupBy({ by: ['streamId', 'state'], where: { streamId: { in: ids } }, _count: true }),
      this.liveFigures(running),
    ]);
    const transfers = new Map<string, Record<string, number>>(ids.map((id) => [id, {}]));
    for (const { streamId, state, _count } of counts)
      Object.assign(transfers.get(streamId) as object, { [state]: _count });
    return (streamId) => ({ transfers: transfers.get(streamId) ?? {}, live: live.get(streamId) });
  }

  private async find(caller: Caller, { appid, streamId }: StreamPath): Promise<StreamRow> {
    const stream = await this.prisma.stream.findFirst({
      where: { id: streamId, projectId: appid, project: ownedBy(caller) },
      include: WITH_NAME,
    });
    if (stream === null) throw new NotFoundException('This stream does not exist.');
    return stream;
  }

  /** Rows are the truth; while Redis is away they are shown without figures. */
  private async liveFigures(streamIds: string[]): Promise<Map<string, LiveFigures>> {
    try {
      return await this.registry.figures<LiveFigures>(streamIds);
    } catch (error) {
      if (isUnavailable(error)) return new Map();
      throw error;
    }
  }
}

/** With the state as a literal: Prisma's parameter keeps Postgres from using the partial indexes, and every stream that ever was is read. */
const isInState = (state: StreamState | undefined): Prisma.Sql => (state === undefined ? Prisma.empty : STATES[state]);

const STATES: Record<StreamState, Prisma.Sql> = {
  starting: Prisma.sql`AND state = 'starting'`,
  connecting: Prisma.sql`AND state = 'connecting'`,
  live: Prisma.sql`AND state = 'live'`,
  reconnecting: Prisma.sql`AND state = 'reconnecting'`,
  ended: Prisma.sql`AND state = 'ended'`,
};

const noPicture = (): Error => new NotFoundException('There is no thumbnail of this stream.');
