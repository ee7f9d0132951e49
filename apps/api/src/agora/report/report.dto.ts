import { IsString, Matches } from 'class-validator';
import { STREAM_NAME } from '#libs/transfer';
import { badRequest } from '../../http/problem.js';
import { MayBeAbsent, STREAM_NAME_RULE } from '../../http/validation.js';
import { Describe } from '../../openapi/request.js';
import { component, listOf, record, text, time, whole, type Shape } from '../../openapi/schema.js';
import { readTime } from './time.js';

/** Agora: "you can query a pushing history of 60 days". */
const DEFAULT_SPAN_MS = 60 * 86_400_000;

export class HistoryQuery {
  @MayBeAbsent()
  @IsString()
  @Describe('RFC 3339; 60 days before end_time when absent.')
  start_time?: string;

  @MayBeAbsent()
  @IsString()
  @Describe('RFC 3339; now when absent.')
  end_time?: string;

  @MayBeAbsent()
  @Matches(STREAM_NAME, { message: STREAM_NAME_RULE })
  stream_name?: string;
}

const onlineSince = { startTime: time('First media.') };
export const OnlineSinceResponse = record(onlineSince);
export type OnlineSinceResponse = Shape<typeof OnlineSinceResponse>;

export const OnlineStreamsResponse = record({ streamList: listOf(record({ name: text(), ...onlineSince })) });
export type OnlineStreamsResponse = Shape<typeof OnlineStreamsResponse>;

/** Agora's PublishInfo. */
export const PublishInfoResponse = component(
  'PublishInfo',
  record({ name: text(), startTime: time('First media.'), endTime: time(), duration: whole('Seconds.') }),
);
export type PublishInfoResponse = Shape<typeof PublishInfoResponse>;

export const PublishHistoryResponse = record({ publishHistory: listOf(PublishInfoResponse) });
export type PublishHistoryResponse = Shape<typeof PublishHistoryResponse>;

/** The time that a query is about: the last 60 days when it says nothing. Throws 400. */
export function spanOf({ start_time, end_time }: HistoryQuery, now: number): { from: Date; to: Date } {
  const to = end_time === undefined ? new Date(now) : readTime('end_time', end_time);
  const from = start_time === undefined ? new Date(to.getTime() - DEFAULT_SPAN_MS) : readTime('start_time', start_time);
  if (from.getTime() > to.getTime()) throw badRequest([{ field: 'start_time', message: 'is after end_time' }]);
  return { from, to };
}
