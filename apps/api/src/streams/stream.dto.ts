import { IsIn, IsOptional, Matches } from 'class-validator';
import { CallbackState, StreamState, type Role } from '#libs/db';
import { ENTRY_POINT_NAME } from '#libs/transfer';
import { PageQuery } from '../http/page.js';
import {
  component,
  enumOf,
  id,
  mapOf,
  orNull,
  pageOf,
  record,
  text,
  time,
  whole,
  type Shape,
} from '../openapi/schema.js';
import { InputFigures } from './figures.js';
import type { LiveFigures } from './live-figures.js';
import { ReasonResponse, toReason } from './reason.js';
import type { StreamRow } from './stream-sql.js';

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

export const StreamResponse = component(
  'Stream',
  record(
    {
      id,
      name: text(),
      entryPoint: text(),
      state: enumOf(Object.values(StreamState)),
      reason: orNull(ReasonResponse),
      callback: record({ state: enumOf(Object.values(CallbackState)), reason: orNull(ReasonResponse) }),
      transfers: mapOf(whole(), 'How many transfers are in each state.'),
      createdAt: time(),
      startedAt: orNull(time('First media.')),
      endedAt: orNull(time()),
      figures: orNull(InputFigures),
    },
    {
      node: orNull(text('Which node runs it, or ran it last. Operators only.')),
      appid: text('In lists over all projects.'),
      customerId: text('In lists over all projects.'),
      customerName: text('In lists over all projects.'),
      projectName: text('In lists over all projects.'),
    },
  ),
);
export type StreamResponse = Shape<typeof StreamResponse>;

export const StreamPage = pageOf('streams', StreamResponse);
export type StreamPage = Shape<typeof StreamPage>;

export function toStreamResponse(row: StreamRow, live: LiveFigures | undefined, role: Role): StreamResponse {
  return {
    id: row.id,
    name: row.name,
    entryPoint: row.entryPoint,
    state: row.state,
    reason: toReason(row.reason, row.reasonDetail),
    callback: { state: row.callbackState, reason: toReason(row.callbackReason, row.callbackDetail) },
    transfers: row.transfers,
    createdAt: row.createdAt.toISOString(),
    startedAt: row.startedAt?.toISOString() ?? null,
    endedAt: row.endedAt?.toISOString() ?? null,
    figures: (row.state === 'ended' ? row.figures : (live?.input ?? null)) as StreamResponse['figures'],
    ...(role === 'operator' ? { node: row.ownerNode } : {}),
  };
}
