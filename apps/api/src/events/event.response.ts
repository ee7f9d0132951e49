import type { Event } from '#libs/db';
import { reasonOf } from '#libs/transfer';
import { component, id, orNull, pageOf, partial, record, text, time, whole, type Shape } from '../openapi/schema.js';

export const EventResponse = component(
  'Event',
  record({
    id: text('A number as text; the cursor.'),
    appid: text(),
    type: text('e.g. stream.live, transfer.state, callback.failed'),
    streamId: orNull(id),
    transferId: orNull(id),
    data: partial(
      {
        state: text('The new one.'),
        reason: orNull(text('Machine-readable.')),
        reasonText: text('The sentence to the reason.'),
        detail: orNull(text()),
        url: text('Without stream key and credentials.'),
        urls: whole('How many a callback has named.'),
      },
      'What belongs to the type.',
    ),
    at: time(),
  }),
);
export type EventResponse = Shape<typeof EventResponse>;

export const EventPage = pageOf('events', EventResponse);
export type EventPage = Shape<typeof EventPage>;

export function toEventResponse({ id, projectId, type, streamId, transferId, data, at }: Event): EventResponse {
  const reason = (data as { reason?: unknown } | null)?.reason;
  const reasonText = typeof reason === 'string' ? reasonOf(reason)?.text : undefined;
  return {
    id: String(id),
    appid: projectId,
    type,
    streamId,
    transferId,
    data: (reasonText === undefined ? data : { ...(data as object), reasonText }) as EventResponse['data'],
    at: at.toISOString(),
  };
}
