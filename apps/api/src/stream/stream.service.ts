import { Injectable, Logger, NotFoundException } from '@nestjs/common';
import { PrismaService } from '#libs/db';
import { Registry, Wire, WireError, WireTimeout } from '#libs/queue';
import { ownedBy, type Caller } from '../auth/caller.js';
import { toPage } from '../page.js';
import { isUnavailable } from '../unavailable.js';
import { endStream } from './end-stream.js';
import { toStreamResponse, type AllStreamsQuery, type LiveFigures, type StreamQuery, type StreamResponse, type StreamRow } from './stream.dto.js';

/** Longer than a node needs to close a stream's outputs properly. */
const KICK_TIMEOUT_MS = 8000;
const THUMBNAIL_TIMEOUT_MS = 3000;
const WITH_DETAILS = { entryPoint: { select: { name: true } }, transfers: { select: { state: true } } } as const;

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
  async list(caller: Caller, appid: string, query: StreamQuery): Promise<{ streams: StreamResponse[]; nextCursor: string | null }> {
    await this.requireProject(caller, appid);
    const found = await this.prisma.stream.findMany({
      where: {
        projectId: appid,
        project: ownedBy(caller),
        state: query.state,
        entryPoint: query.entry_point === undefined ? undefined : { name: query.entry_point },
        // Ids are UUIDs of version 7: their order is the order in time.
        id: query.cursor === undefined ? undefined : { lt: query.cursor },
      },
      include: WITH_DETAILS,
      orderBy: { id: 'desc' },
      take: query.limit + 1,
    });
    const { rows, nextCursor } = toPage(found, query.limit);
    const live = await this.liveFigures(rows.filter(({ state }) => state !== 'ended').map(({ id }) => id));
    return { streams: rows.map((row) => toStreamResponse(row, live.get(row.id), caller.role)), nextCursor };
  }

  /** Of all projects, for operators. */
  async listAll({ limit, cursor, state }: AllStreamsQuery): Promise<{ streams: StreamResponse[]; nextCursor: string | null }> {
    const found = await this.prisma.stream.findMany({
      where: { state, id: cursor === undefined ? undefined : { lt: cursor } },
      include: { ...WITH_DETAILS, project: { select: { customerId: true } } },
      orderBy: { id: 'desc' },
      take: limit + 1,
    });
    const { rows, nextCursor } = toPage(found, limit);
    const live = await this.liveFigures(rows.filter((row) => row.state !== 'ended').map(({ id }) => id));
    const streams = rows.map((row) => ({ ...toStreamResponse(row, live.get(row.id), 'operator'), appid: row.projectId, customerId: row.project.customerId }));
    return { streams, nextCursor };
  }

  /** A JPEG of the last seconds. */
  async thumbnail(caller: Caller, appid: string, streamId: string): Promise<Buffer> {
    const { id, ownerNode, state } = await this.find(caller, appid, streamId);
    if (ownerNode === null || state === 'ended') throw noPicture();
    const { jpeg } = await this.wire.ask(ownerNode, 'thumbnail', { streamId: id }, THUMBNAIL_TIMEOUT_MS).catch((error: unknown) => {
      if (error instanceof WireTimeout || error instanceof WireError) return { jpeg: null };
      throw error;
    });
    if (jpeg === null) throw noPicture();
    return Buffer.from(jpeg, 'base64');
  }

  async get(caller: Caller, appid: string, streamId: string): Promise<StreamResponse> {
    const stream = await this.find(caller, appid, streamId);
    return toStreamResponse(stream, (await this.liveFigures([stream.id])).get(stream.id), caller.role);
  }

  /** Ends a stream. Its node closes the outputs properly; if it cannot, the database's word fences it off. */
  async kick(caller: Caller, appid: string, streamId: string): Promise<void> {
    const { id, state, ownerNode } = await this.find(caller, appid, streamId);
    if (state === 'ended') return;
    if (ownerNode !== null) {
      try {
        await this.wire.ask(ownerNode, 'endStream', { streamId: id, reason: 'kicked' }, KICK_TIMEOUT_MS);
        return;
      } catch (error) {
        if (!(error instanceof WireTimeout || error instanceof WireError || isUnavailable(error))) throw error;
        this.logger.warn(`node ${ownerNode} did not end stream ${id}, the database does: ${String(error)}`);
      }
    }
    await endStream(this.prisma, id, { reason: 'kicked' });
  }

  private async find(caller: Caller, appid: string, streamId: string): Promise<StreamRow> {
    const stream = await this.prisma.stream.findFirst({
      where: { id: streamId, projectId: appid, project: ownedBy(caller) },
      include: WITH_DETAILS,
    });
    if (stream === null) throw new NotFoundException('This stream does not exist.');
    return stream;
  }

  private async requireProject(caller: Caller, appid: string): Promise<void> {
    const found = await this.prisma.project.findFirst({ where: { ...ownedBy(caller), id: appid }, select: { id: true } });
    if (found === null) throw new NotFoundException('This project does not exist.');
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

const noPicture = (): Error => new NotFoundException('There is no picture of this stream.');
