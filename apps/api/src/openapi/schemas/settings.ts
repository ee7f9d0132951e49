// Settings of an entry point, and what its callbacks came to.
import { body, enumOf, flag, id, listOf, orNull, record, ref, text, time, whole, type Schema } from '../schema.js';

const delivery = {
  id,
  kind: enumOf(['stream', 'test', 'replay', 'stream_auth']),
  streamId: orNull(id),
  attempt: whole('From 1.'),
  url: text('Without the values of its query.'),
  webhookId: orNull(text('The header webhook-id of the request.')),
  streamName: orNull(text('The stream_name that was asked about.')),
  status: orNull(whole('HTTP status, when there was an answer.')),
  outcome: text('`ok`, or the code of the reason.'),
  outcomeText: orNull(text('The sentence of the reason; null for `ok`.')),
  detail: orNull(text()),
  durationMs: whole(),
  timings: {
    type: 'object',
    properties: { dnsMs: whole(), connectMs: whole(), tlsMs: whole(), waitMs: whole(), readMs: whole() },
    additionalProperties: false,
  },
  answerHead: orNull(
    text(
      'What the answer was like: the structure of its JSON with known words, and the hosts and applications of good URLs; else its kind, length and known words. All other values are hidden.',
    ),
  ),
  createdAt: time(),
  nextAt: orNull(time('When the next attempt is due.')),
};
const secretRow = { id, createdAt: time(), expiresAt: orNull(time()) };
const settings = {
  enabled: flag('Whether streams of this entry point are forwarded.'),
  callbackUrl: orNull(text('Where to ask: POST `{callbackUrl}?entry_point=&stream_name=`.')),
  useLastAnswer: flag('While the callback fails, use the last good answer for the same stream name.'),
  endsOnClose: flag(
    'A publisher that closes its connection (DTLS close_notify) without a DELETE has left: its stream ends at once. Else it is waited for as one that was lost, for a page that is loaded again closes it too.',
  ),
};

export const SETTINGS: Record<string, Schema> = {
  TransferSettings: record(settings),
  UpdateTransferSettings: { ...body(settings), description: 'Absent keeps, null clears.' },
  TestTransfer: body({
    streamName: text('As if a stream of this name began.', { pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' }),
    callbackUrl: text('Instead of the stored one.'),
    probe: flag(
      'Connect to each URL, up to the accepted publish; nothing is sent. Each counts as a callback; those for which the quota has no room are not tried (`quota_exceeded`).',
    ),
  }),
  TestResult: record({
    delivery: record(delivery),
    transfers: listOf(
      record({ element: whole(), url: text(), options: ref('TransferOptions'), probe: orNull(ref('Probe')) }),
    ),
    bad: listOf(record({ element: whole(), message: text() }), {
      description: 'Elements of transferUrls that would not be forwarded to.',
    }),
  }),
  Probe: record({
    stage: enumOf(['address', 'tcp', 'tls', 'rtmp', 'publish', 'ok'], 'How far it came.'),
    ok: flag(),
    code: orNull(text()),
    text: text(),
    detail: orNull(text()),
    ms: whole(),
  }),
  CallbackSecret: record(secretRow),
  NewCallbackSecret: record({ ...secretRow, secret: text('`whsec_...` (Standard Webhooks); shown this once.') }),
  Delivery: record(delivery),
};
