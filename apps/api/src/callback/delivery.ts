import type { CallbackDelivery, Prisma } from '#libs/db';
import { reasonOf, redactAnswer } from '#libs/transfer';
import { component, enumOf, id, orNull, pageOf, record, text, time, whole, type Shape } from '../openapi/schema.js';
import type { Attempt } from './callback.client.js';
import { TIMINGS, type Timings } from './timings.js';

/** Why a callback was sent: a stream began, somebody tests the settings, or asks again, or a publisher wants to be let in. */
const kind = enumOf(['stream', 'test', 'replay', 'stream_auth']);
export type DeliveryKind = Shape<typeof kind>;

/** One attempt of a callback, as the log shows it. */
export const DeliveryResponse = component(
  'Delivery',
  record({
    id,
    kind,
    streamId: orNull(id),
    attempt: whole('From 1.'),
    url: text('Without the values of its query.'),
    webhookId: orNull(text('The header webhook-id of the request. Null in rows from before it was kept.')),
    streamName: orNull(text('The stream_name that was asked about. Null in rows from before it was kept.')),
    status: orNull(whole('HTTP status, when there was an answer.')),
    outcome: text('`ok`, or the code of the reason.'),
    outcomeText: orNull(text('The sentence of the reason; null for `ok`.')),
    detail: orNull(text()),
    durationMs: whole(),
    timings: TIMINGS,
    answerHead: orNull(
      text(
        'What the answer was like: the structure of its JSON with known words, and the hosts and applications of good URLs; else its kind, length and known words. All other values are hidden.',
      ),
    ),
    createdAt: time(),
    nextAt: orNull(time('When the next attempt is due.')),
  }),
);
export type DeliveryResponse = Shape<typeof DeliveryResponse>;

export const DeliveryPage = pageOf('deliveries', DeliveryResponse);
export type DeliveryPage = Shape<typeof DeliveryPage>;

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
    kind: kind as DeliveryKind,
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
