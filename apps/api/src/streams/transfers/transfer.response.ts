import type { Transfer } from '#libs/db';
import { toReason, type ReasonResponse } from '../reason.js';

export interface TransferResponse {
  id: string;
  /** Without stream key and credentials. */
  url: string;
  /** Who wanted it: callback, api or push. */
  origin: string;
  state: string;
  reason: ReasonResponse | null;
  attempts: number;
  nextRetryAt: string | null;
  liveAt: string | null;
  createdAt: string;
  endedAt: string | null;
  options: unknown;
  figures: unknown;
}

export function toTransferResponse(row: Transfer, live: unknown): TransferResponse {
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
    options: row.options,
    figures: row.figures ?? live ?? null,
  };
}
