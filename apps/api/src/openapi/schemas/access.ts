// Keys and tokens.
import { body, record, text, time, whole, type Schema } from '../schema.js';

export const ACCESS: Record<string, Schema> = {
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
