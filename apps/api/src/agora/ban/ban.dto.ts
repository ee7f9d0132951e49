import { IsString } from 'class-validator';
import type { BannedStream } from '#libs/db';
import { badRequest } from '../../http/problem.js';
import { MayBeAbsent } from '../../http/validation.js';
import { readTime } from '../report/time.js';

/** Agora: "The default is 7 days after the live stream is banned". */
const DEFAULT_BAN_MS = 7 * 86_400_000;

export class BanStream {
  /** RFC 3339. */
  @MayBeAbsent()
  @IsString()
  resumeTime?: string;
}

/** As Agora documents it. */
export interface BannedStreamResponse {
  name: string;
  resumeTime: string;
}

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
