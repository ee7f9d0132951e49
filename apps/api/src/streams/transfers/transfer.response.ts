import { TransferState, type Transfer } from '#libs/db';
import type { TransferOptions } from '#libs/transfer';
import { component, enumOf, id, orNull, pageOf, record, text, time, whole, type Shape } from '../../openapi/schema.js';
import { TransferFigures } from '../figures.js';
import { ReasonResponse, toReason } from '../reason.js';
import { TransferOptionsResponse } from './transfer.dto.js';

export const TransferResponse = component(
  'Transfer',
  record({
    id,
    url: text('Without stream key and credentials.'),
    origin: text('Who wanted it: callback, last_answer, api or push.'),
    state: enumOf(Object.values(TransferState)),
    reason: orNull(ReasonResponse),
    attempts: whole(),
    nextRetryAt: orNull(time()),
    liveAt: orNull(time('When the platform last accepted the publish.')),
    createdAt: time(),
    endedAt: orNull(time()),
    options: TransferOptionsResponse,
    figures: orNull(TransferFigures),
  }),
);
export type TransferResponse = Shape<typeof TransferResponse>;

export const TransferPage = pageOf('transfers', TransferResponse);
export type TransferPage = Shape<typeof TransferPage>;

/** What is shown of a transfer's row. */
type ShownTransfer = Pick<
  Transfer,
  | 'id'
  | 'redactedUrl'
  | 'origin'
  | 'state'
  | 'reason'
  | 'reasonDetail'
  | 'attempts'
  | 'nextRetryAt'
  | 'liveAt'
  | 'createdAt'
  | 'endedAt'
> & { options: unknown; figures: unknown };

export function toTransferResponse(row: ShownTransfer, live: unknown): TransferResponse {
  return {
    id: row.id,
    url: row.redactedUrl,
    origin: row.origin,
    state: row.state,
    reason: toReason(row.reason, row.reasonDetail),
    attempts: row.attempts,
    nextRetryAt: row.nextRetryAt?.toISOString() ?? null,
    liveAt: row.liveAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    endedAt: row.endedAt?.toISOString() ?? null,
    options: row.options as TransferOptions,
    figures: (row.figures ?? live ?? null) as TransferResponse['figures'],
  };
}
