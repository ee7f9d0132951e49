import { IsString, Matches } from 'class-validator';
import { STREAM_NAME } from '#libs/transfer';
import { badRequest } from '../../http/problem.js';
import { MayBeAbsent, STREAM_NAME_RULE } from '../../http/validation.js';
import { readTime } from './time.js';

/** Agora: "you can query a pushing history of 60 days". */
const DEFAULT_SPAN_MS = 60 * 86_400_000;

/** Times are RFC 3339. */
export class HistoryQuery {
  @MayBeAbsent()
  @IsString()
  start_time?: string;

  @MayBeAbsent()
  @IsString()
  end_time?: string;

  @MayBeAbsent()
  @Matches(STREAM_NAME, { message: STREAM_NAME_RULE })
  stream_name?: string;
}

export interface OnlineStreamResponse {
  name: string;
  startTime: string;
}

/** Agora's PublishInfo. */
export interface PublishInfoResponse {
  name: string;
  startTime: string;
  endTime: string;
  /** s */
  duration: number;
}

/** The time that a query is about: the last 60 days when it says nothing. Throws 400. */
export function spanOf({ start_time, end_time }: HistoryQuery, now: number): { from: Date; to: Date } {
  const to = end_time === undefined ? new Date(now) : readTime('end_time', end_time);
  const from = start_time === undefined ? new Date(to.getTime() - DEFAULT_SPAN_MS) : readTime('start_time', start_time);
  if (from.getTime() > to.getTime()) throw badRequest([{ field: 'start_time', message: 'is after end_time' }]);
  return { from, to };
}
