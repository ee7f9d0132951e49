import { Injectable } from '@nestjs/common';
import { type Prisma, SecretBox, type Stream } from '#libs/db';
import { type AnsweredUrl, redactTransferUrl } from '#libs/transfer';
import { QuotaService } from '../customer/quotas.js';

type Tx = Prisma.TransactionClient;

/** Where a transfer came from: the answer itself, or the one before it, for want of a new one. */
const FROM_ANSWER = 'callback';
const FROM_LAST_ANSWER = 'last_answer';

/** Makes transfers of what a customer's server answered. */
@Injectable()
export class AnsweredTransfers {
  constructor(
    private readonly box: SecretBox,
    private readonly quotas: QuotaService,
  ) {}

  /** One transfer per URL. What an earlier answer stood in for is kept if it is named again, and ended if not. */
  async apply(tx: Tx, stream: Stream, urls: AnsweredUrl[]): Promise<void> {
    const hashes = urls.map(({ url }) => this.box.hash(url));
    const standIns = { streamId: stream.id, origin: FROM_LAST_ANSWER, endedAt: null };
    await tx.transfer.updateMany({ where: { ...standIns, urlHash: { in: hashes } }, data: { origin: FROM_ANSWER } });
    await tx.transfer.updateMany({
      where: { ...standIns, urlHash: { notIn: hashes } },
      data: { state: 'ended', reason: 'removed', reasonDetail: null, blame: 'nobody', retryable: false, nextRetryAt: null, endedAt: new Date() },
    });
    await this.create(tx, stream, urls, FROM_ANSWER);
  }

  /** Keeps the answer for a day on which the server does not answer. An answer without any URL is one, too. */
  async remember(tx: Tx, { entryPointId, name }: Stream, urls: AnsweredUrl[]): Promise<void> {
    const answer = this.box.seal(JSON.stringify(urls), `last-answer:${entryPointId}`);
    const data = { answer, answeredAt: new Date() };
    await tx.lastAnswer.upsert({ where: { entryPointId_streamName: { entryPointId, streamName: name } }, create: { entryPointId, streamName: name, ...data }, update: data });
  }

  /** Returns how many transfers the last good answer for this stream name brought; 0 also when they are there already. */
  async applyLast(tx: Tx, stream: Stream): Promise<number> {
    const { entryPointId, name } = stream;
    const last = await tx.lastAnswer.findUnique({ where: { entryPointId_streamName: { entryPointId, streamName: name } } });
    if (last === null) return 0;
    return this.create(tx, stream, JSON.parse(this.box.open(last.answer, `last-answer:${entryPointId}`)) as AnsweredUrl[], FROM_LAST_ANSWER);
  }

  private async create(tx: Tx, stream: Stream, urls: AnsweredUrl[], origin: string): Promise<number> {
    const { quotas } = await this.quotas.ofProject(stream.projectId, tx);
    const room = quotas.transfersPerStream - (await tx.transfer.count({ where: { streamId: stream.id, endedAt: null, urlHash: { notIn: urls.map(({ url }) => this.box.hash(url)) } } }));
    const data = urls.slice(0, Math.max(0, room)).map(({ url, options }) => ({
      streamId: stream.id,
      origin,
      url: this.box.seal(url, `transfer:${stream.id}`),
      redactedUrl: redactTransferUrl(url),
      urlHash: this.box.hash(url),
      options: options as Prisma.InputJsonObject,
    }));
    // A job that runs twice must not forward twice: one transfer per stream and URL.
    const { count } = await tx.transfer.createMany({ data, skipDuplicates: true });
    return count;
  }
}
