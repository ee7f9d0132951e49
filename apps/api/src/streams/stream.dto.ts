import { IsIn, IsOptional, Matches } from 'class-validator';
import { StreamState, type EntryPoint, type Role, type Stream } from '#libs/db';
import { ENTRY_POINT_NAME } from '#libs/transfer';
import { PageQuery } from '../http/page.js';
import type { LiveFigures } from './live-figures.js';
import { toReason, type ReasonResponse } from './reason.js';

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
