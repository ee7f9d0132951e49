import { IsString } from 'class-validator';
import type { BannedStream } from '#libs/db';
import { badRequest } from '../../http/problem.js';
import { MayBeAbsent } from '../../http/validation.js';
import { Describe } from '../../openapi/request.js';
import { component, listOf, record, text, time, type Shape } from '../../openapi/schema.js';
import { readTime } from '../report/time.js';

/** Agora: "The default is 7 days after the live stream is banned". */
const DEFAULT_BAN_MS = 7 * 86_400_000;

export class BanStream {
  @MayBeAbsent()
  @IsString()
  @Describe('RFC 3339; 7 days from now when absent.')
  resumeTime?: string;
}

/** As Agora documents it. */
export const BannedStreamResponse = component(
  'BannedStream',
  record({ name: text(), resumeTime: time('From then on the name is free again.') }),
);
export type BannedStreamResponse = Shape<typeof BannedStreamResponse>;

export const BannedStreamsResponse = record({ bannedStreamList: listOf(BannedStreamResponse) });
export type BannedStreamsResponse = Shape<typeof BannedStreamsResponse>;

export const toBannedStreamResponse = ({ streamName, resumeTime }: BannedStream): BannedStreamResponse => ({
  name: streamName,
  resumeTime: resumeTime.toISOString(),
});

/** When the ban is to end. Throws 400 for what is no time, or is over. */
export function resumeTimeOf({ resumeTime }: BanStream, now: number): Date {
  if (resumeTime === undefined) return new Date(now + DEFAULT_BAN_MS);
  const time = readTime('resumeTime', resumeTime);
  if (time.getTime() <= now) throw badRequest([{ field: 'resumeTime', message: 'is over; DELETE ends a ban' }]);
  return time;
}
