import { Injectable, Logger, NotFoundException } from '@nestjs/common';
import { HotSql, PrismaService } from '#libs/db';
import { Registry, Wire, WireError, WireTimeout } from '#libs/queue';
import type { Caller } from '../auth/caller.js';
import { toPage } from '../http/page.js';
import { unknownProject } from '../tenants/owned.js';
import { isUnavailable } from '../http/unavailable.js';
import { endStream } from './end-stream.js';
import type { LiveFigures } from './live-figures.js';
import {
  toStreamResponse,
  type AllStreamsQuery,
  type StreamPage,
  type StreamQuery,
  type StreamResponse,
} from './stream.dto.js';
import { findStream, listAllStreams, listStreams, type StreamRow } from './stream-sql.js';
import type { StreamPath } from './stream-path.js';

/** Longer than a node needs to close a stream's outputs properly. */
const KICK_TIMEOUT_MS = 8000;
const THUMBNAIL_TIMEOUT_MS = 3000;

/** The streams of one project. */
@Injectable()
export class StreamService {
  private readonly logger = new Logger(StreamService.name);

  constructor(
    private readonly prisma: PrismaService,
    private readonly sql: HotSql,
    private readonly registry: Registry,
    private readonly wire: Wire,
  ) {}

  /** Newest first. */
  async list(caller: Caller, appid: string, query: StreamQuery): Promise<StreamPage> {
    const found = await listStreams(this.prisma, caller, appid, query);
    if (found === undefined) throw unknownProject();
    const { rows, nextCursor } = toPage(found, query.limit);
    const live = await this.liveFigures(rows);
    return { streams: rows.map((row) => toStreamResponse(row, live.get(row.id), caller.role)), nextCursor };
  }

  /** Of all projects, for operators. */
  async listAll(query: AllStreamsQuery): Promise<StreamPage> {
    const { rows, nextCursor } = toPage(await listAllStreams(this.prisma, query), query.limit);
    const live = await this.liveFigures(rows);
    const streams = rows.map((row) => ({
      ...toStreamResponse(row, live.get(row.id), 'operator'),
      appid: row.appid,
      customerId: row.customerId,
      customerName: row.customerName,
      projectName: row.projectName,
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
    const live = await this.liveFigures([stream]);
    return toStreamResponse(stream, live.get(stream.id), caller.role);
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

  private async find(caller: Caller, path: StreamPath): Promise<StreamRow> {
    const stream = await findStream(this.sql, caller, path);
    if (stream === undefined) throw new NotFoundException('This stream does not exist.');
    return stream;
  }

  /** Rows are the truth; while Redis is away they are shown without figures. */
  private async liveFigures(rows: StreamRow[]): Promise<Map<string, LiveFigures>> {
    const running = rows.filter(({ state }) => state !== 'ended');
    try {
      return await this.registry.figures<LiveFigures>(running);
    } catch (error) {
      if (isUnavailable(error)) return new Map();
      throw error;
    }
  }
}

const noPicture = (): Error => new NotFoundException('There is no thumbnail of this stream.');
