import type { CallbackDelivery, Prisma } from '#libs/db';
import { reasonOf, redactAnswer } from '#libs/transfer';
import type { Attempt, Timings } from './callback.client.js';

/** Why a callback was sent: a stream began, somebody tests the settings, or asks again, or a publisher wants to be let in. */
export type DeliveryKind = 'stream' | 'test' | 'replay' | 'stream_auth';

/** One attempt of a callback, as the log shows it. */
export interface DeliveryResponse {
  id: string;
  kind: string;
  streamId: string | null;
  attempt: number;
  url: string;
  /** Of the request: null in rows from before these were kept. */
  webhookId: string | null;
  streamName: string | null;
  /** HTTP status, when there was an answer. */
  status: number | null;
  /** `ok`, or the reason's code. */
  outcome: string;
  /** The sentence of the code; null for `ok`. */
  outcomeText: string | null;
  detail: string | null;
  durationMs: number;
  timings: Timings;
  /** Its structure and known words; everything else is hidden. */
  answerHead: string | null;
  createdAt: string;
  /** When the next attempt is due. */
  nextAt: string | null;
}

interface AskedOf {
  stream: { id: string } | null;
  entryPoint: { id: string };
  callbackUrl: string;
  webhookId: string;
  streamName: string;
  attempt: number;
  kind: DeliveryKind;
}

const ANSWER_HEAD_LENGTH = 1024;

/** The row of an attempt. */
export function toDelivery(
  asked: AskedOf,
  attempt: Attempt,
  outcome: string,
  detail: string | null,
): Prisma.CallbackDeliveryUncheckedCreateInput {
  const { status, body, errorHead, durationMs, timings } = attempt;
  const answer = body ?? errorHead;
  return {
    entryPointId: asked.entryPoint.id,
    streamId: asked.stream?.id,
    kind: asked.kind,
    attempt: asked.attempt,
    url: loggableUrl(asked.callbackUrl),
    webhookId: asked.webhookId,
    streamName: asked.streamName,
    status,
    outcome,
    detail,
    durationMs,
    timings: timings as Prisma.InputJsonObject,
    // Postgres takes no NUL.
    answerHead: answer === null || answer === '' ? null : redactAnswer(answer, ANSWER_HEAD_LENGTH).replaceAll('\0', ''),
  };
}

export function toDeliveryResponse(row: CallbackDelivery): DeliveryResponse {
  const {
    id,
    kind,
    streamId,
    attempt,
    url,
    webhookId,
    streamName,
    status,
    outcome,
    detail,
    durationMs,
    timings,
    answerHead,
    createdAt,
    nextAt,
  } = row;
  return {
    id,
    kind,
    streamId,
    attempt,
    url,
    webhookId,
    streamName,
    status,
    outcome,
    outcomeText: outcome === 'ok' ? null : (reasonOf(outcome)?.text ?? outcome),
    detail,
    durationMs,
    timings: timings as Timings,
    answerHead,
    createdAt: createdAt.toISOString(),
    nextAt: nextAt?.toISOString() ?? null,
  };
}

/** Customers put secrets into their query: its names help, its values are masked, and what has no `=` is a value. */
function loggableUrl(text: string): string {
  const { origin, pathname, search } = new URL(text);
  const masked = search
    .slice(1)
    .split('&')
    .map((pair) => (pair.includes('=') ? pair.replace(/=.*/s, '=***') : '***'));
  return origin + pathname + (search.length > 1 ? `?${masked.join('&')}` : '');
}
