import type { Response } from 'express';
import type { Observable } from 'rxjs';

/** One message of an event stream. */
export interface SseMessage {
  event: string;
  id?: string;
  data: unknown;
}

/** A reader that is so far behind is not reading. */
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;

/** Server-Sent Events (HTML Living Standard, section 9.2) until the reader leaves or the messages end. */
export function sendEvents(response: Response, messages: Observable<SseMessage>): void {
  response.writeHead(200, {
    'Content-Type': 'text/event-stream',
    'Cache-Control': 'no-cache, no-transform',
    // nginx would gather them.
    'X-Accel-Buffering': 'no',
  });
  // The reader knows at once that it is connected; and after how long to come back (ms).
  response.write('retry: 2000\n\n');
  const subscription = messages.subscribe({
    next: ({ event, id, data }) => {
      response.write(`event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`);
      if (response.writableLength > MAX_BUFFERED_BYTES) response.destroy();
    },
    error: () => response.destroy(),
    complete: () => response.end(),
  });
  response.once('close', () => subscription.unsubscribe());
}
