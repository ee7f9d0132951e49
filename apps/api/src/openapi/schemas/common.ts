// What every part uses.
import { enumOf, flag, listOf, orNull, record, text, whole, type Schema } from '../schema.js';

export const COMMON: Record<string, Schema> = {
  Problem: {
    type: 'object',
    description: 'RFC 9457, with `message` for clients of the API that this one is compatible with.',
    properties: {
      status: whole(),
      title: text(),
      detail: text('What to do about it.'),
      message: text('What is wrong.'),
      requestId: text(),
      code: text('Machine-readable reason, where the status alone is ambiguous.'),
      errors: listOf(record({ field: text(), message: text() }), { description: 'Every bad field.' }),
    },
    required: ['status', 'title', 'detail', 'message', 'requestId'],
    additionalProperties: false,
  },
  Reason: record({
    code: text('Machine-readable; never renamed.'),
    text: text('What happened, and the way out.'),
    blame: enumOf(['platform', 'customer', 'publisher', 'operator', 'service', 'nobody']),
    retryable: flag(),
    detail: orNull(text()),
  }),
};
