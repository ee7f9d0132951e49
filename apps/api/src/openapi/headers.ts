import type { Operation } from './operation.js';
import { text, whole, type Schema } from './schema.js';

/** Response headers that mean something to a client, by name. */
export const HEADERS: Record<string, Schema> = {
  'X-Request-ID': text("The request's own, if it had a sane one; quote it in reports."),
  'RateLimit-Limit': whole('Requests per second that the credential may make. Absent where there is no limit.'),
  'RateLimit-Remaining': whole('Requests that are left of them.'),
  'RateLimit-Reset': whole('Seconds until all are there again.'),
  'Retry-After': whole('Seconds to wait before the next try.'),
  'WWW-Authenticate': text('How to authenticate.'),
  'Idempotency-Replayed': text(
    '`true`: the answer to the first request with this Idempotency-Key; nothing was done now.',
  ),
  ETag: text('Of the settings, or of the ICE session: for If-Match.'),
  Location: text('The session URL.'),
  Link: text('ICE servers (RFC 9725, section 4.6).'),
  'Accept-Post': text('The media type of an offer.'),
  'Accept-Patch': text('The media type of candidates.'),
  'Manycast-Rtmp-Error': text('Why the stream is not pushed to Manycast-Rtmp-Url.'),
};

const RATE_LIMIT = ['RateLimit-Limit', 'RateLimit-Remaining', 'RateLimit-Reset'];
/** What a refusal may carry, by its status. */
const OF_REFUSALS: Record<number, string[]> = {
  401: ['WWW-Authenticate'],
  409: ['Retry-After'],
  415: ['Accept-Post', 'Accept-Patch'],
  429: ['Retry-After'],
  503: ['Retry-After'],
};

/** Names of the headers that a refusal may have, whichever operation's it is. */
export const refusalHeaders = (status: number): string[] => [
  'X-Request-ID',
  ...(status === 401 ? [] : RATE_LIMIT),
  ...(OF_REFUSALS[status] ?? []),
];

/** Names of the headers that an answer of this status may have. */
export function headersOf(
  { answers, headersOut = {}, isCounted, isPublic, method }: Operation,
  status: number,
): string[] {
  if (!(status in answers)) return refusalHeaders(status);
  return [
    'X-Request-ID',
    ...(isPublic && !isCounted ? [] : RATE_LIMIT),
    ...(method === 'post' && !isPublic ? ['Idempotency-Replayed'] : []),
    ...(status >= 400 ? (OF_REFUSALS[status] ?? []) : []),
    ...(headersOut[status] ?? []),
  ];
}
