import { IsIn, IsOptional, Matches } from 'class-validator';
import { StreamState, type EntryPoint, type Role, type Stream, type Transfer } from '#libs/db';
import { ENTRY_POINT_NAME, reasonOf } from '#libs/transfer';
import { PageQuery } from '../http/page.js';

export class AllStreamsQuery extends PageQuery {
  @IsOptional()
  @IsIn(Object.values(StreamState))
  state?: StreamState;
}

export class StreamQuery extends AllStreamsQuery {
  @IsOptional()
  @Matches(ENTRY_POINT_NAME)
  entry_point?: string;
}

/** Why something is in the state that it is in. */
export interface ReasonResponse {
  code: string;
  /** A sentence with the way out. */
  text: string;
  /** Whose fault: platform, customer, publisher, operator, service, nobody. */
  blame: string;
  retryable: boolean;
  /** What is particular to this case. */
  detail: string | null;
}

export interface StreamResponse {
  id: string;
  name: string;
  entryPoint: string;
  state: string;
  reason: ReasonResponse | null;
  callback: { state: string; reason: ReasonResponse | null };
  /** How many transfers are in each state. */
  transfers: Record<string, number>;
  createdAt: string;
  startedAt: string | null;
  endedAt: string | null;
  /** Of the input: live ones while it runs, the last ones afterwards. */
  figures: unknown;
  /** Which node runs it (or ran it last); operators only. */
  node?: string | null;
  /** In lists over all projects. */
  appid?: string;
  customerId?: string;
  customerName?: string;
  projectName?: string;
}

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

/** Figures as a node publishes them: the input's, and each transfer's by id. */
export interface LiveFigures {
  input: unknown;
  transfers: Record<string, unknown>;
}

export type StreamRow = Stream & { entryPoint: Pick<EntryPoint, 'name'> };

/** What is not in a stream's row. */
export interface StreamDetails {
  /** How many transfers are in each state. */
  transfers: Record<string, number>;
  live: LiveFigures | undefined;
}

export function toStreamResponse(row: StreamRow, { transfers, live }: StreamDetails, role: Role): StreamResponse {
  return {
    id: row.id,
    name: row.name,
    entryPoint: row.entryPoint.name,
    state: row.state,
    reason: toReason(row.reason, row.reasonDetail),
    callback: { state: row.callbackState, reason: toReason(row.callbackReason, row.callbackDetail) },
    transfers,
    createdAt: row.createdAt.toISOString(),
    startedAt: row.startedAt?.toISOString() ?? null,
    endedAt: row.endedAt?.toISOString() ?? null,
    figures: row.state === 'ended' ? row.figures : (live?.input ?? null),
    ...(role === 'operator' ? { node: row.ownerNode } : {}),
  };
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

function toReason(code: string | null, detail: string | null): ReasonResponse | null {
  if (code === null) return null;
  const known = reasonOf(code);
  return { code, text: known?.text ?? code, blame: known?.blame ?? 'service', retryable: known !== undefined && known.retry !== 'never', detail };
}
