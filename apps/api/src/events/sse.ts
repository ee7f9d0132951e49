import type { Response } from 'express';

/** A reader that is so far behind is not reading. */
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;

/** An open answer of Server-Sent Events (HTML Living Standard, section 9.2). */
export interface EventStream {
  /** Whole messages. A reader that does not read what it has been sent is cut off. */
  send(messages: string | Buffer): void;
  end(): void;
  /** For an answer that has failed: the reader comes back. */
  destroy(): void;
}

/** One message as text. `data` is JSON. */
export const toMessage = (event: string, data: string, id?: string): string =>
  `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${data}\n\n`;

/** What the reader comes back with, and no event to it. */
export const toIdAlone = (id: string): string => `id: ${id}\n\n`;

/** Begins the answer. */
export function openEvents(response: Response): EventStream {
  response.writeHead(200, {
    'Content-Type': 'text/event-stream',
    'Cache-Control': 'no-cache, no-transform',
    // nginx would gather them.
    'X-Accel-Buffering': 'no',
  });
  // The reader knows at once that it is connected; and after how long to come back (ms).
  response.write('retry: 2000\n\n');
  return {
    send: (messages) => {
      if (response.destroyed || response.writableEnded) return;
      response.write(messages);
      if (response.writableLength > MAX_BUFFERED_BYTES) response.destroy();
    },
    end: () => response.end(),
    destroy: () => response.destroy(),
  };
}
