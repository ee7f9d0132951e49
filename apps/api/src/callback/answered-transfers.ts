import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { endedTransfer, type Prisma, sealedTransfer, SecretBox, type Transfer } from '#libs/db';
import { type AnsweredUrl, TransferUrl } from '#libs/transfer';
import type { CallbackStream } from './callback-stream.js';
import { QuotaService, MAX_TRANSFERS_EVER } from '../tenants/customer/quotas.js';

type Tx = Prisma.TransactionClient;
type Stream = Pick<CallbackStream, 'id' | 'projectId' | 'entryPointId' | 'name'>;

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
interface Allowance {
  quotas: Prisma.JsonValue;
  /** Transfers, with those that have ended. */
  ever: number;
  /** Of the URLs that it is forwarded to. */
  hashes: string[];
  /** How many of them are provisional: made of the last answer, for want of a new one. */
  provisional: number;
}

/** Makes transfers of what a customer's server answered. */
@Injectable()
export class AnsweredTransfers {
  constructor(
    private readonly box: SecretBox,
    private readonly quotas: QuotaService,
  ) {}

  /** One transfer per URL, as far as the quota goes. Provisional transfers, made of the last good answer while the server did not answer, are kept if they are named again, and ended if not. */
  async apply(tx: Tx, stream: Stream, urls: AnsweredUrl[]): Promise<Applied> {
    const allowance = await allowanceOf(tx, stream);
    if (allowance.provisional === 0) return this.create(tx, stream, allowance, urls, FROM_ANSWER);
    const hashes = urls.flatMap(({ url }) => this.box.hashes(url.text));
    const provisional = { streamId: stream.id, origin: FROM_LAST_ANSWER, endedAt: null };
    await tx.transfer.updateMany({ where: { ...provisional, urlHash: { in: hashes } }, data: { origin: FROM_ANSWER } });
    await tx.transfer.updateMany({
      where: { ...provisional, urlHash: { notIn: hashes } },
      data: endedTransfer('removed', new Date()),
    });
    return this.create(tx, stream, await allowanceOf(tx, stream), urls, FROM_ANSWER);
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
    return this.create(tx, stream, await allowanceOf(tx, stream), urls, FROM_LAST_ANSWER);
  }

  /** What an answer comes to for a stream that has never had a transfer. */
  firstOnes(stream: Stream, quotas: Prisma.JsonValue, urls: AnsweredUrl[]): Planned {
    return this.plan(stream, { quotas, ever: 0, hashes: [], provisional: 0 }, urls, FROM_ANSWER);
  }

  private async create(
    tx: Tx,
    stream: Stream,
    allowance: Allowance,
    urls: AnsweredUrl[],
    origin: string,
  ): Promise<Applied> {
    const { transfers, ...left } = this.plan(stream, allowance, urls, origin);
    const data = transfers.map((transfer) => ({ ...transfer, streamId: stream.id }));
    // A job that runs twice must not forward twice: one transfer per stream and URL.
    const { count } = data.length > 0 ? await tx.transfer.createMany({ data, skipDuplicates: true }) : { count: 0 };
    return { created: count, ...left };
  }

  private plan(stream: Stream, { quotas, ever, hashes }: Allowance, urls: AnsweredUrl[], origin: string): Planned {
    const quota = this.quotas.of({ quotas }).transfersPerStream;
    const present = new Set(hashes);
    const isNew = ({ url }: AnsweredUrl): boolean => !this.box.hashes(url.text).some((hash) => present.has(hash));
    const wanted = urls.filter(isNew);
    const leftEver = Math.max(0, MAX_TRANSFERS_EVER - ever);
    const left = Math.max(0, quota - present.size);
    const transfers = wanted.slice(0, Math.min(left, leftEver)).map(({ url, options }) => ({
      id: uuidv7(),
      origin,
      ...sealedTransfer(this.box, stream.id, url),
      options: options as Prisma.InputJsonObject,
    }));
    const elements = (some: AnsweredUrl[]): number[] => some.map(({ element }) => element);
    return {
      transfers,
      aboveQuota: elements(wanted.slice(left, leftEver)),
      quota,
      aboveEver: elements(wanted.slice(leftEver)),
    };
  }
}

/** In one question, with the stream's row locked by whoever asks: of two at once not both are the last that fit. */
async function allowanceOf(tx: Tx, { id, projectId }: Stream): Promise<Allowance> {
  const [room] = await tx.$queryRaw<Allowance[]>`
    SELECT quotas,
      (SELECT count(*)::int FROM transfers WHERE stream_id = ${id}::uuid) AS ever,
      ARRAY(SELECT url_hash FROM transfers WHERE stream_id = ${id}::uuid AND ended_at IS NULL) AS hashes,
      (SELECT count(*)::int FROM transfers WHERE stream_id = ${id}::uuid AND ended_at IS NULL AND origin = ${FROM_LAST_ANSWER}) AS "provisional"
    FROM projects JOIN customers ON customers.id = customer_id WHERE projects.id = ${projectId}`;
  if (room === undefined) throw new Error(`the project of stream ${id} is gone`);
  return room;
}
