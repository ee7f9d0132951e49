import { ConflictException, Injectable, Logger, NotFoundException } from '@nestjs/common';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { Env } from '#libs/config';
import {
  endedTransfer,
  HotSql,
  type HotStatement,
  Prisma,
  PrismaService,
  recordEvent,
  sealedTransfer,
  SecretBox,
  type Transfer,
} from '#libs/db';
import { Registry, type StreamOnNode, Wire, WireError, WireTimeout } from '#libs/queue';
import type { TransferOptions } from '#libs/transfer';
import { ownedBy, type Caller } from '../../auth/caller.js';
import { QuotaService } from '../../tenants/customer/quotas.js';
import { ownedProjects } from '../../tenants/owned-sql.js';
import { toPage } from '../../http/page.js';
import { refuse } from '../../http/problem.js';
import type { LiveFigures } from '../live-figures.js';
import type { StreamPath } from '../stream-path.js';
import { isUnavailable } from '../../http/unavailable.js';
import { addTransfer, type NewTransferRow, sameUrl, StreamEnded } from './add-transfer.js';
import type { NewTransfer, TransferChanges } from './transfer.dto.js';
import type { TransferPageQuery } from './transfer-page.js';
import { toTransferResponse, type TransferPage, type TransferResponse } from './transfer.response.js';

const NODE_TIMEOUT_MS = 2000;

/** Who wanted a transfer, with what its own API needs to know of it. */
export type TransferSource = Pick<NewTransferRow, 'origin' | 'mediaSessionId' | 'pushUrl'>;

/** The transfers of one running stream. Rows first; then its node is told, and would find out by itself. */
@Injectable()
export class TransferService {
  private readonly logger = new Logger(TransferService.name);

  constructor(
    private readonly prisma: PrismaService,
    private readonly sql: HotSql,
    private readonly box: SecretBox,
    private readonly wire: Wire,
    private readonly registry: Registry,
    private readonly env: Env,
    private readonly quotas: QuotaService,
  ) {}

  /** Oldest first. */
  async list(caller: Caller, path: StreamPath, { limit, cursor }: TransferPageQuery): Promise<TransferPage> {
    const { ownerNode } = await this.stream(caller, path);
    const found = await this.prisma.transfer.findMany({
      where: { streamId: path.streamId, id: cursor === undefined ? undefined : { gt: cursor } },
      orderBy: { id: 'asc' },
      take: limit + 1,
    });
    const { rows, nextCursor } = toPage(found, limit);
    return { transfers: await this.withFigures({ id: path.streamId, ownerNode }, rows), nextCursor };
  }

  async get(caller: Caller, path: StreamPath, transferId: string): Promise<TransferResponse> {
    const row = await this.find(caller, path, transferId);
    const [response] = await this.withFigures({ id: path.streamId, ownerNode: row.stream.ownerNode }, [row]);
    return response as TransferResponse;
  }

  async add(caller: Caller, path: StreamPath, added: NewTransfer): Promise<TransferResponse> {
    const [found] = await this.sql.read<{ state: string; quotas: Prisma.JsonValue }>(...roomOf(caller, path));
    if (found === undefined) throw unknownStream();
    if (found.state === 'ended') throw new StreamEnded();
    return this.addTo(path, found.quotas, added, { origin: 'api' });
  }

  /** To a stream that the caller may change. `quotas`: as its customer's row has them; `from`: what sets a transfer of another origin apart. */
  async addTo(
    { appid, streamId }: StreamPath,
    quotas: Prisma.JsonValue,
    { url, options }: NewTransfer,
    from: TransferSource,
  ): Promise<TransferResponse> {
    this.requireSound(appid, options);
    const transfer = {
      id: uuidv7(),
      ...from,
      ...sealedTransfer(this.box, streamId, url),
      options: options as Prisma.InputJsonObject,
    };
    const { transfersPerStream } = this.quotas.of({ quotas });
    const hashes = this.box.hashes(url.text);
    const { ownerNode, createdAt } = await addTransfer(this.sql, { streamId, transfer, hashes, transfersPerStream });
    await this.tell(ownerNode, streamId);
    return toTransferResponse({ ...UNTRIED, ...transfer, createdAt }, null);
  }

  async change(
    caller: Caller,
    path: StreamPath,
    transferId: string,
    { url, options }: TransferChanges,
  ): Promise<TransferResponse> {
    const stream = await this.running(caller, path);
    await this.find(caller, path, transferId);
    // A file that has gone since must not stand in the way of other changes.
    this.requireSound(path.appid, options);
    await this.prisma
      .$transaction(async (tx) => {
        // Two changes at once must not lose one of them.
        const [row] = await tx.$queryRaw<
          { options: object }[]
        >`SELECT options FROM transfers WHERE id = ${transferId}::uuid AND ended_at IS NULL FOR UPDATE`;
        if (row === undefined) throw hasEnded();
        const merged = Object.fromEntries(
          Object.entries({ ...row.options, ...options }).filter(([, value]) => value !== null),
        );
        const data = {
          options: merged as Prisma.InputJsonObject,
          ...(url === undefined ? {} : sealedTransfer(this.box, path.streamId, url)),
        };
        await tx.transfer.update({ where: { id: transferId }, data });
      })
      .catch(rethrowDuplicate);
    await this.tell(stream.ownerNode, path.streamId);
    return this.get(caller, path, transferId);
  }

  /** Ends the transfer properly; again is no error. */
  async remove(caller: Caller, path: StreamPath, transferId: string): Promise<void> {
    const { ownerNode } = await this.stream(caller, path);
    const row = await this.find(caller, path, transferId);
    if (row.endedAt !== null) return;
    const { count } = await this.prisma.transfer.updateMany({
      where: { id: transferId, endedAt: null },
      data: endedTransfer('removed', new Date()),
    });
    if (count === 0) return;
    await recordEvent(this.prisma, {
      projectId: path.appid,
      streamId: path.streamId,
      transferId,
      type: 'transfer.removed',
    });
    await this.tell(ownerNode, path.streamId);
  }

  /** Attempts now what waits for its next attempt. */
  async retry(caller: Caller, path: StreamPath, transferId: string): Promise<void> {
    const { ownerNode } = await this.running(caller, path);
    const row = await this.find(caller, path, transferId);
    if (row.endedAt !== null) throw hasEnded();
    if (ownerNode === null) return;
    try {
      await this.wire.ask(ownerNode, 'retryTransfer', { streamId: path.streamId, transferId }, NODE_TIMEOUT_MS);
    } catch (error) {
      if (error instanceof WireTimeout)
        throw refuse(503, 'The media node of this stream is unavailable at the moment.', { code: 'node_away' });
      if (error instanceof WireError)
        throw refuse(409, 'The node does not run this transfer (yet).', { code: 'not_running' });
      throw error;
    }
  }

  private requireSound(appid: string, { sound }: TransferOptions): void {
    if (sound == null || existsSync(join(this.env.MEDIA_DIR, appid, sound.file))) return;
    throw refuse(404, `The media folder of this project has no file ${sound.file}.`, { code: 'sound_not_found' });
  }

  private async stream(
    caller: Caller,
    { appid, streamId }: StreamPath,
  ): Promise<{ state: string; ownerNode: string | null }> {
    const stream = await this.prisma.stream.findFirst({
      where: { id: streamId, projectId: appid, project: ownedBy(caller) },
      select: { state: true, ownerNode: true },
    });
    if (stream === null) throw unknownStream();
    return stream;
  }

  private async running(caller: Caller, path: StreamPath): Promise<{ ownerNode: string | null }> {
    const stream = await this.stream(caller, path);
    if (stream.state === 'ended') throw new StreamEnded();
    return stream;
  }

  private async find(caller: Caller, { appid, streamId }: StreamPath, transferId: string) {
    const row = await this.prisma.transfer.findFirst({
      where: { id: transferId, streamId, stream: { projectId: appid, project: ownedBy(caller) } },
      include: { stream: { select: { ownerNode: true } } },
    });
    if (row === null) throw new NotFoundException('This transfer does not exist.');
    return row;
  }

  private async tell(ownerNode: string | null, streamId: string): Promise<void> {
    if (ownerNode === null) return;
    await this.wire.ask(ownerNode, 'syncTransfers', { streamId }, NODE_TIMEOUT_MS).catch((error: unknown) => {
      this.logger.warn(`node ${ownerNode} was not told of the transfers of stream ${streamId}: ${String(error)}`);
    });
  }

  private async withFigures(stream: StreamOnNode, rows: Transfer[]): Promise<TransferResponse[]> {
    const live = await this.registry.figures<LiveFigures>([stream]).catch((error: unknown) => {
      if (isUnavailable(error)) return new Map<string, LiveFigures>();
      throw error;
    });
    return rows.map((row) => toTransferResponse(row, live.get(stream.id)?.transfers[row.id]));
  }
}

/** Of a transfer that was just added. */
const UNTRIED = {
  state: 'pending',
  reason: null,
  reasonDetail: null,
  attempts: 0,
  nextRetryAt: null,
  liveAt: null,
  endedAt: null,
  figures: null,
} as const;

/** The stream of that path, if it is the caller's, and the quotas of its customer. */
function roomOf(caller: Caller, { appid, streamId }: StreamPath): [HotStatement, unknown[]] {
  const values: unknown[] = [streamId, appid];
  const owned = ownedProjects(caller, values);
  return [
    {
      name: `room_for_transfer_${owned.kind}`,
      text: `SELECT streams.state::text, quotas FROM streams JOIN projects ON projects.id = streams.project_id
          JOIN customers ON customers.id = projects.customer_id
        WHERE streams.id = $1::uuid AND projects.id = $2::text AND ${owned.condition}`,
    },
    values,
  ];
}

const unknownStream = (): Error => new NotFoundException('This stream does not exist.');
const hasEnded = (): Error => new ConflictException('This transfer has ended; add it again.');

function rethrowDuplicate(error: unknown): never {
  if (error instanceof Prisma.PrismaClientKnownRequestError && error.code === 'P2002') {
    throw sameUrl();
  }
  throw error;
}
