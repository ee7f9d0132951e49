import type { Logger } from './logger.js';

/** Less than the 10 s after which Docker kills what it has told to stop. */
const END_MS = 9500;

/**
 * Ends the process 9.5 s (and `drainMs`) after SIGTERM or SIGINT, whatever still waits then: closing a connection to a Redis that is away or frozen waits
 * without a limit (BullMQ, ioredis). What must be done at the end has deadlines of its own that are shorter.
 */
export function endInTime(logger: Logger, drainMs = 0): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      setTimeout(() => {
        logger.warn(
          `not at an end ${END_MS + drainMs} ms after ${signal} (is Redis or Postgres away?): what is left is cut off`,
        );
        process.exit(0);
      }, END_MS + drainMs).unref();
    });
  }
}
