import type { Response } from 'express';
import type { Observable } from 'rxjs';

/** One message of an event stream; an id alone is what the reader comes back with, and no event to it. */
export type SseMessage = { event: string; id?: string; data: unknown } | { id: string };

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
    next: (message) => {
      const id = message.id === undefined ? '' : `id: ${message.id}\n`;
      response.write(
        'event' in message ? `event: ${message.event}\n${id}data: ${JSON.stringify(message.data)}\n\n` : `${id}\n`,
      );
      if (response.writableLength > MAX_BUFFERED_BYTES) response.destroy();
    },
    error: () => response.destroy(),
    complete: () => response.end(),
  });
  response.once('close', () => subscription.unsubscribe());
}
