import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { endedTransfer, type Prisma, sealedTransfer, SecretBox, type Transfer } from '#libs/db';
import { type AnsweredUrl, TransferUrl } from '#libs/transfer';
import type { AskingStream } from './asking-stream.js';
import { QuotaService, TRANSFERS_EVER_OF_ONE_STREAM } from '../tenants/customer/quotas.js';

type Tx = Prisma.TransactionClient;
type Stream = Pick<AskingStream, 'id' | 'projectId' | 'entryPointId' | 'name'>;

/** An answer's URL as it is kept: whole, and sealed. */
type StoredUrl = Omit<AnsweredUrl, 'url'> & { url: string };

/** Where a transfer came from: the answer itself, or the one before it, for want of a new one. */
const FROM_ANSWER = 'callback';
const FROM_LAST_ANSWER = 'last_answer';

/** What became of an answer's URLs. */
export interface Applied {
  /** New transfers. */
  created: number;
  /** Elements of the answer for which the quota left no room. */
  aboveQuota: number[];
  quota: number;
  /** Those for which the stream has had too many transfers, however few it has now. */
  aboveEver: number[];
}

/** The same, before anything is written. */
export interface Planned extends Omit<Applied, 'created'> {
  transfers: (Pick<Transfer, 'id' | 'origin' | 'url' | 'redactedUrl' | 'urlHash'> & {
    options: Prisma.InputJsonObject;
  })[];
}

/** What a stream has and may have. */
interface Room {
  quotas: Prisma.JsonValue;
  /** Transfers, with those that have ended. */
  ever: number;
  /** Of the URLs that it is forwarded to. */
  hashes: string[];
  /** How many of them come from the last answer. */
  standIns: number;
}

/** Makes transfers of what a customer's server answered. */
@Injectable()
export class AnsweredTransfers {
  constructor(
    private readonly box: SecretBox,
    private readonly quotas: QuotaService,
  ) {}

  /** One transfer per URL, as far as the quota goes. What an earlier answer stood in for is kept if it is named again, and ended if not. */
  async apply(tx: Tx, stream: Stream, urls: AnsweredUrl[]): Promise<Applied> {
    const room = await roomOf(tx, stream);
    if (room.standIns === 0) return this.create(tx, stream, room, urls, FROM_ANSWER);
    const hashes = urls.flatMap(({ url }) => this.box.hashes(url.text));
    const standIns = { streamId: stream.id, origin: FROM_LAST_ANSWER, endedAt: null };
    await tx.transfer.updateMany({ where: { ...standIns, urlHash: { in: hashes } }, data: { origin: FROM_ANSWER } });
    await tx.transfer.updateMany({
      where: { ...standIns, urlHash: { notIn: hashes } },
      data: endedTransfer('removed', new Date()),
    });
    return this.create(tx, stream, await roomOf(tx, stream), urls, FROM_ANSWER);
  }

  /** Keeps the answer for a day on which the server does not answer. An answer without any URL is one, too. */
  async remember(tx: Tx, { entryPointId, name }: Stream, urls: AnsweredUrl[]): Promise<void> {
    const data = { answer: this.sealed({ entryPointId }, urls), answeredAt: new Date() };
    await tx.lastAnswer.upsert({
      where: { entryPointId_streamName: { entryPointId, streamName: name } },
      create: { entryPointId, streamName: name, ...data },
      update: data,
    });
  }

  /** An answer as it is kept. */
  sealed({ entryPointId }: Pick<Stream, 'entryPointId'>, urls: AnsweredUrl[]): string {
    const texts: StoredUrl[] = urls.map((one) => ({ ...one, url: one.url.text }));
    return this.box.seal(JSON.stringify(texts), `last-answer:${entryPointId}`);
  }

  /** Does as the last good answer for this stream name says; null when there is none. */
  async applyLast(tx: Tx, stream: Stream): Promise<Applied | null> {
    const { entryPointId, name } = stream;
    const last = await tx.lastAnswer.findUnique({
      where: { entryPointId_streamName: { entryPointId, streamName: name } },
    });
    if (last === null) return null;
    const texts = JSON.parse(this.box.open(last.answer, `last-answer:${entryPointId}`)) as StoredUrl[];
    const urls = texts.map((one) => ({ ...one, url: TransferUrl.revive(one.url) }));
    return this.create(tx, stream, await roomOf(tx, stream), urls, FROM_LAST_ANSWER);
  }

  /** What an answer comes to for a stream that has never had a transfer. */
  firstOnes(stream: Stream, quotas: Prisma.JsonValue, urls: AnsweredUrl[]): Planned {
    return this.plan(stream, { quotas, ever: 0, hashes: [], standIns: 0 }, urls, FROM_ANSWER);
  }

  private async create(tx: Tx, stream: Stream, room: Room, urls: AnsweredUrl[], origin: string): Promise<Applied> {
    const { transfers, ...left } = this.plan(stream, room, urls, origin);
    const data = transfers.map((transfer) => ({ ...transfer, streamId: stream.id }));
    // A job that runs twice must not forward twice: one transfer per stream and URL.
    const { count } = data.length > 0 ? await tx.transfer.createMany({ data, skipDuplicates: true }) : { count: 0 };
    return { created: count, ...left };
  }

  private plan(stream: Stream, { quotas, ever, hashes }: Room, urls: AnsweredUrl[], origin: string): Planned {
    const quota = this.quotas.of({ quotas }).transfersPerStream;
    const present = new Set(hashes);
    const isNew = ({ url }: AnsweredUrl): boolean => !this.box.hashes(url.text).some((hash) => present.has(hash));
    const wanted = urls.filter(isNew);
    const roomEver = Math.max(0, TRANSFERS_EVER_OF_ONE_STREAM - ever);
    const room = Math.max(0, quota - present.size);
    const transfers = wanted.slice(0, Math.min(room, roomEver)).map(({ url, options }) => ({
      id: uuidv7(),
      origin,
      ...sealedTransfer(this.box, stream.id, url),
      options: options as Prisma.InputJsonObject,
    }));
    const elements = (some: AnsweredUrl[]): number[] => some.map(({ element }) => element);
    return {
      transfers,
      aboveQuota: elements(wanted.slice(room, roomEver)),
      quota,
      aboveEver: elements(wanted.slice(roomEver)),
    };
  }
}

/** In one question, with the stream's row locked by whoever asks: of two at once not both are the last that fit. */
async function roomOf(tx: Tx, { id, projectId }: Stream): Promise<Room> {
  const [room] = await tx.$queryRaw<Room[]>`
    SELECT quotas,
      (SELECT count(*)::int FROM transfers WHERE stream_id = ${id}::uuid) AS ever,
      ARRAY(SELECT url_hash FROM transfers WHERE stream_id = ${id}::uuid AND ended_at IS NULL) AS hashes,
      (SELECT count(*)::int FROM transfers WHERE stream_id = ${id}::uuid AND ended_at IS NULL AND origin = ${FROM_LAST_ANSWER}) AS "standIns"
    FROM projects JOIN customers ON customers.id = customer_id WHERE projects.id = ${projectId}`;
  if (room === undefined) throw new Error(`the project of stream ${id} is gone`);
  return room;
}
