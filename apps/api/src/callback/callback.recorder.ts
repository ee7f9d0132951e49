import { Injectable, Logger } from '@nestjs/common';
import { Prisma, PrismaService, recordEvent, SecretBox, type Stream } from '#libs/db';
import { Wire } from '#libs/queue';
import { callbackRequestUrl, redactAnswer, redactTransferUrl, type CallbackAnswer, type ReasonCode, type TransferError, type TransferOptions } from '#libs/transfer';
import type { Attempt } from './callback.client.js';

/** One attempt's question. */
export interface Asked {
  stream: Stream;
  entryPoint: { id: string; name: string };
  callbackUrl: string;
  /** From 1. */
  attempt: number;
}

const ANSWER_HEAD_LENGTH = 1024;
const SYNC_TIMEOUT_MS = 2000;
const MAX_DETAIL = 500;

/** Brings the outcome of callbacks into the rows: deliveries, transfers, and what the stream says about it. */
@Injectable()
export class CallbackRecorder {
  private readonly logger = new Logger(CallbackRecorder.name);

  constructor(
    private readonly prisma: PrismaService,
    private readonly box: SecretBox,
    private readonly wire: Wire,
  ) {}

  requestUrl({ callbackUrl, entryPoint, stream }: Asked): string {
    return callbackRequestUrl(callbackUrl, entryPoint.name, stream.name);
  }

  async nothingToAsk(streamId: string, reason: ReasonCode): Promise<void> {
    await this.prisma.stream.updateMany({
      where: { id: streamId, state: { not: 'ended' } },
      data: { callbackState: 'none', callbackReason: reason, callbackDetail: null },
    });
  }

  async failed(asked: Asked, attempt: Attempt, failure: TransferError): Promise<void> {
    const { stream } = asked;
    const detail = failure.detail ?? null;
    await this.prisma.$transaction(async (tx) => {
      await tx.callbackDelivery.create({ data: delivery(asked, attempt, failure.code, detail) });
      const { count } = await tx.stream.updateMany({
        // The queue may run a job twice; the good answer of one is not undone by the failure of the other.
        where: { id: stream.id, state: { not: 'ended' }, callbackState: { not: 'answered' } },
        data: { callbackState: 'retrying', callbackReason: failure.code, callbackDetail: detail },
      });
      // Attempt after attempt with the same outcome is one event.
      if (count === 1 && stream.callbackReason !== failure.code) {
        await recordEvent(tx, { projectId: stream.projectId, streamId: stream.id, type: 'callback.failed', data: { reason: failure.code, detail } });
      }
    });
    // The customer's fault, nothing for the operator to do.
    this.logger.log(`callback of stream ${stream.id}, attempt ${asked.attempt}: ${failure.code}`);
  }

  /** The answer's URLs become transfers; the node that runs the stream is told. */
  async answered(asked: Asked, attempt: Attempt, answer: CallbackAnswer): Promise<void> {
    const { stream } = asked;
    const detail = answer.bad.map(({ element, message }) => `transferUrls[${element}] ${message}`).join('; ').slice(0, MAX_DETAIL) || null;
    const reason = answer.urls.length === 0 ? 'callback_no_urls' : null;
    const ownerNode = await this.prisma.$transaction(async (tx) => {
      await tx.callbackDelivery.create({ data: delivery(asked, attempt, 'ok', detail) });
      const [running] = await tx.stream.updateManyAndReturn({
        where: { id: stream.id, state: { not: 'ended' } },
        data: { callbackState: 'answered', callbackReason: reason, callbackDetail: detail },
        select: { ownerNode: true },
      });
      if (running === undefined) return null;
      const transfers = answer.urls.map(({ url, options }) => this.transfer(stream.id, url, options));
      // A job that runs twice must not forward twice: one transfer per stream and URL.
      await tx.transfer.createMany({ data: transfers, skipDuplicates: true });
      await recordEvent(tx, {
        projectId: stream.projectId,
        streamId: stream.id,
        type: 'callback.answered',
        data: { urls: answer.urls.length, bad: answer.bad.map(({ element, message }) => ({ element, message })) },
      });
      return running.ownerNode;
    });
    if (ownerNode === null) return;
    // Lost when the node is just away: it reads its rows again with every lease.
    await this.wire.ask(ownerNode, 'syncTransfers', { streamId: stream.id }, SYNC_TIMEOUT_MS).catch((error: unknown) => {
      this.logger.warn(`node ${ownerNode} was not told of the transfers of stream ${stream.id}: ${String(error)}`);
    });
  }

  private transfer(streamId: string, url: string, options: TransferOptions): Prisma.TransferCreateManyInput {
    return {
      streamId,
      url: this.box.seal(url, `transfer:${streamId}`),
      redactedUrl: redactTransferUrl(url),
      urlHash: this.box.hash(url),
      options: options as Prisma.InputJsonObject,
    };
  }
}

function delivery(asked: Asked, { status, body, durationMs }: Attempt, outcome: string, detail: string | null): Prisma.CallbackDeliveryUncheckedCreateInput {
  return {
    entryPointId: asked.entryPoint.id,
    streamId: asked.stream.id,
    attempt: asked.attempt,
    url: loggableUrl(asked.callbackUrl),
    status,
    outcome,
    detail,
    durationMs,
    // Postgres takes no NUL.
    answerHead: body === null ? null : redactAnswer(body, ANSWER_HEAD_LENGTH).replaceAll('\0', ''),
  };
}

/** Customers put secrets into their query: its names help, its values are masked, and what has no `=` is a value. */
function loggableUrl(text: string): string {
  const { origin, pathname, search } = new URL(text);
  const masked = search.slice(1).split('&').map((pair) => (pair.includes('=') ? pair.replace(/=.*/s, '=***') : '***'));
  return origin + pathname + (search.length > 1 ? `?${masked.join('&')}` : '');
}
