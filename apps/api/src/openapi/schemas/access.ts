// Keys and tokens.
import { body, id, orNull, record, text, time, whole, type Schema } from '../schema.js';

const restKey = {
  id,
  label: text(),
  createdAt: time(),
  lastUsedAt: orNull(time('To the minute.')),
  expiresAt: orNull(time()),
};

export const ACCESS: Record<string, Schema> = {
  RestKey: record(restKey),
  NewRestKey: record({
    ...restKey,
    key: text('Shown this once.'),
    baseUrl: text("In the place of a client's base URL: `{baseUrl}/rest-api/push/...`."),
  }),
  CreateRestKey: body({
    label: text('', { maxLength: 100 }),
    expiresIn: whole('Seconds from now; without, it does not expire.', { minimum: 60, maximum: 315_360_000 }),
  }),
  CreatePublishToken: body({
    streamName: text('The only stream that may be published with it.', {
      pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$',
    }),
    expiresIn: whole('Seconds from now.', { minimum: 60, maximum: 31_536_000 }),
  }),
  PublishToken: record({
    token: text(),
    expiresAt: time(),
    whipUrl: text('Ends with `{stream_name}` when the token is for any.'),
  }),
};
