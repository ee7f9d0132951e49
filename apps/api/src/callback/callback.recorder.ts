import { Injectable, Logger } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { HotSql, Prisma, PrismaService, recordEvent, toJsonb } from '#libs/db';
import { Wire } from '#libs/queue';
import type { CallbackAnswer, ReasonCode, TransferError } from '#libs/transfer';
import { MAX_TRANSFERS_EVER } from '../tenants/customer/quotas.js';
import type { CallbackStream } from './callback-stream.js';
import { AnsweredTransfers, type Applied } from './answered-transfers.js';
import type { Attempt } from './callback.client.js';
import { toDelivery, type DeliveryKind } from './delivery.js';

/** One attempt's question. */
export interface Asked {
  stream: CallbackStream;
  entryPoint: CallbackStream['entryPoint'];
  callbackUrl: string;
  /** The same for every attempt. */
  webhookId: string;
  streamName: string;
  /** From 1. */
  attempt: number;
  kind: DeliveryKind;
}

/** In the migrations. */
const RECORD_FIRST = {
  name: 'record_first_answer',
  text: 'SELECT record_first_answer($1::uuid, $2::jsonb, $3::jsonb, $4::text, $5::text, $6::text, $7::jsonb) AS recorded',
};

const SYNC_TIMEOUT_MS = 2000;
const MAX_DETAIL = 500;

/** Brings the outcome of callbacks into the rows: deliveries, transfers, and what the stream says about it. */
@Injectable()
export class CallbackRecorder {
  private readonly logger = new Logger(CallbackRecorder.name);

  constructor(
    private readonly prisma: PrismaService,
    private readonly sql: HotSql,
    private readonly wire: Wire,
    private readonly transfers: AnsweredTransfers,
  ) {}

  async nothingToAsk(streamId: string, reason: ReasonCode): Promise<void> {
    await this.prisma.stream.updateMany({
      where: { id: streamId, state: { not: 'ended' } },
      data: { callbackState: 'none', callbackReason: reason, callbackDetail: null },
    });
  }

  /** No request was made, for a reason that passes. */
  async notAsked(asked: Asked, why: TransferError): Promise<void> {
    const tell = await this.prisma.$transaction(async (tx) => {
      return (await this.retrying(tx, asked, why)) ? this.useLastAnswer(tx, asked) : null;
    });
    if (tell) await this.tellNode(tell, asked.stream.id);
  }

  async failed(asked: Asked, attempt: Attempt, failure: TransferError, nextAt: Date | null): Promise<void> {
    const tell = await this.prisma.$transaction(async (tx) => {
      await tx.callbackDelivery.create({
        data: { ...toDelivery(asked, attempt, failure.code, failure.detail ?? null), nextAt },
      });
      return (await this.retrying(tx, asked, failure)) ? this.useLastAnswer(tx, asked) : null;
    });
    // The customer's fault, nothing for the operator to do.
    this.logger.log(`callback of stream ${asked.stream.id}, attempt ${asked.attempt}: ${failure.code}`);
    if (tell) await this.tellNode(tell, asked.stream.id);
  }

  /** The answer's URLs become transfers; the node that runs the stream is told. */
  async answered(asked: Asked, attempt: Attempt, answer: CallbackAnswer): Promise<void> {
    const { stream } = asked;
    const first = await this.recordFirst(asked, attempt, answer);
    const ownerNode = first === null ? await this.recordNext(asked, attempt, answer) : first.ownerNode;
    if (ownerNode !== null) await this.tellNode(ownerNode, stream.id);
  }

  /** Nearly every answer: the first of its stream, in one statement. Null when it is not. */
  private async recordFirst(
    asked: Asked,
    attempt: Attempt,
    answer: CallbackAnswer,
  ): Promise<{ ownerNode: string | null } | null> {
    const { stream } = asked;
    const { transfers, ...left } = this.transfers.firstOnes(stream, stream.customer.quotas, answer.urls);
    const { reason, detail } = outcomeOf(answer, left);
    const [row] = await this.sql.write<{ recorded: { ownerNode: string | null } | null }>(
      `stream ${stream.id}`,
      RECORD_FIRST,
      [
        stream.id,
        toJsonb(transfers),
        toJsonb({ id: uuidv7(), ...toDelivery(asked, attempt, 'ok', detail) }),
        this.transfers.sealed(stream, answer.urls),
        reason,
        reason === null ? null : detail,
        toJsonb(eventOf(answer, left)),
      ],
    );
    return row?.recorded ?? null;
  }

  private recordNext(asked: Asked, attempt: Attempt, answer: CallbackAnswer): Promise<string | null> {
    const { stream } = asked;
    return this.prisma.$transaction(async (tx) => {
      const [running] = await tx.stream.updateManyAndReturn({
        where: { id: stream.id, state: { not: 'ended' } },
        data: { callbackState: 'answered', callbackReason: null, callbackDetail: null },
        select: { ownerNode: true },
      });
      const applied = running && (await this.transfers.apply(tx, stream, answer.urls));
      const outcome = outcomeOf(answer, applied);
      await tx.callbackDelivery.create({ data: toDelivery(asked, attempt, 'ok', outcome.detail) });
      if (running === undefined) return null;
      if (outcome.reason !== null)
        await tx.stream.updateMany({
          where: { id: stream.id },
          data: { callbackReason: outcome.reason, callbackDetail: outcome.detail },
        });
      await this.transfers.remember(tx, stream, answer.urls);
      const data = eventOf(answer, applied);
      await recordEvent(tx, { projectId: stream.projectId, streamId: stream.id, type: 'callback.answered', data });
      return running.ownerNode;
    });
  }

  /** False for a stream that has ended or got its answer meanwhile: nothing is to be done for it. */
  private async retrying(
    tx: Prisma.TransactionClient,
    { stream }: Asked,
    { code, detail: given }: TransferError,
  ): Promise<boolean> {
    const detail = given ?? null;
    const { count } = await tx.stream.updateMany({
      // The queue may run a job twice; the good answer of one is not undone by the failure of the other.
      where: { id: stream.id, state: { not: 'ended' }, callbackState: { not: 'answered' } },
      data: { callbackState: 'retrying', callbackReason: code, callbackDetail: detail },
    });
    // Attempt after attempt with the same outcome is one event.
    if (count === 1 && stream.callbackReason !== code) {
      await recordEvent(tx, {
        projectId: stream.projectId,
        streamId: stream.id,
        type: 'callback.failed',
        data: { reason: code, detail },
      });
    }
    return count === 1;
  }

  /** Where the customer has chosen it, the stream goes where it went last time until its server is back. Returns whom to tell. */
  private async useLastAnswer(tx: Prisma.TransactionClient, { stream, entryPoint }: Asked): Promise<string | null> {
    if (!entryPoint.useLastAnswer) return null;
    const applied = await this.transfers.applyLast(tx, stream);
    // None, or they are there already.
    if (applied === null || applied.created === 0) return null;
    const { created, aboveQuota, aboveEver } = applied;
    await recordEvent(tx, {
      projectId: stream.projectId,
      streamId: stream.id,
      type: 'callback.last_answer_used',
      data: { urls: created, aboveQuota, aboveEver },
    });
    const running = await tx.stream.findUnique({ where: { id: stream.id }, select: { ownerNode: true } });
    return running?.ownerNode ?? null;
  }

  /** Lost when the node is just away: it reads its rows again with every lease. */
  private async tellNode(ownerNode: string, streamId: string): Promise<void> {
    await this.wire.ask(ownerNode, 'syncTransfers', { streamId }, SYNC_TIMEOUT_MS).catch((error: unknown) => {
      this.logger.warn(`node ${ownerNode} was not told of the transfers of stream ${streamId}: ${String(error)}`);
    });
  }
}

/** What the event tells of an answer. */
function eventOf(answer: CallbackAnswer, applied: Omit<Applied, 'created'> | undefined): Prisma.InputJsonObject {
  const bad = answer.bad.map(({ element, message }) => ({ element, message }));
  const { aboveQuota = [], aboveEver = [] } = applied ?? {};
  return { urls: answer.urls.length - aboveQuota.length - aboveEver.length, bad, aboveQuota, aboveEver };
}

/** What the stream and the delivery say of an answer: which of its URLs are not forwarded to, and why. */
function outcomeOf(
  { urls, bad }: CallbackAnswer,
  applied: Omit<Applied, 'created'> | undefined,
): { reason: ReasonCode | null; detail: string | null } {
  const problems = bad.map(({ element, message }) => `transferUrls[${element}] ${message}`);
  if (applied) {
    const { aboveQuota, quota, aboveEver } = applied;
    if (aboveQuota.length > 0)
      problems.unshift(`${namesOf(aboveQuota)} above the quota of ${quota} transfers of a stream`);
    if (aboveEver.length > 0)
      problems.unshift(
        `${namesOf(aboveEver)} beyond the ${MAX_TRANSFERS_EVER} transfers that a stream has at most, with those that have ended`,
      );
  }
  const reason = urls.length === 0 ? 'callback_no_urls' : problems.length > 0 ? 'callback_urls_refused' : null;
  return { reason, detail: problems.join('; ').slice(0, MAX_DETAIL) || null };
}

const namesOf = (elements: number[]): string =>
  `transferUrls${elements.map((element) => `[${element}]`).join(', ')} ${elements.length === 1 ? 'is' : 'are'}`;
