// What nobody expected: a promise that nobody waits for, a socket without a listener, a bug in a listener of an event.
import type { Logger } from './logger.js';

/** `socket`: a connection that broke where nobody listened. */
export type Stray = 'rejection' | 'socket' | 'exception';
export const STRAYS: readonly Stray[] = ['rejection', 'socket', 'exception'];

/** What a process that serves adds to the log. */
export interface Serving {
  /** For a metric. */
  count(stray: Stray): void;
  /** Ends the process in order; it has END_MS for it. */
  end(): Promise<void>;
}

/** Of each kind one line in so long a time: a stranger that causes them must not fill the disk. Counted is each. */
const LOG_EVERY_MS = 1000;
const END_MS = 5000;
/** Node's codes of a connection that is gone (errno(3), and what its streams say of a write that came too late). */
const CONNECTION_GONE = new Set(['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENETDOWN', 'ENOTCONN', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END', 'ERR_STREAM_PREMATURE_CLOSE']);

/** What an uncaught error is. A connection that broke leaves nothing half done; after any other exception nobody knows what the process has left undone. */
export function strayOf(error: unknown, origin: NodeJS.UncaughtExceptionOrigin): Stray {
  if (origin === 'unhandledRejection') return 'rejection';
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' && CONNECTION_GONE.has(code) ? 'socket' : 'exception';
}

/**
 * Takes what would end the process. Until `serve` is called everything ends it, as a start that fails must. Afterwards a rejection and a broken
 * connection are logged and counted, and an exception ends the process in order, with exit code 1.
 */
export function lastResort(logger: Logger): { serve(serving: Serving): void } {
  let serving: Serving | null = null;
  let isEnding = false;
  const loggedAt = new Map<Stray, number>();
  const onStray = (error: unknown, stray: Stray): void => {
    if (serving === null) {
      logger.fatal({ err: error }, 'the start failed');
      process.exit(1);
    }
    serving.count(stray);
    const now = performance.now();
    if (now - (loggedAt.get(stray) ?? -Infinity) >= LOG_EVERY_MS) {
      loggedAt.set(stray, now);
      logger[stray === 'exception' ? 'fatal' : 'error']({ err: error }, `nobody expected this ${stray}`);
    }
    if (stray !== 'exception' || isEnding) return;
    isEnding = true;
    setTimeout(() => process.exit(1), END_MS).unref();
    serving.end().catch((second: unknown) => logger.error({ err: second }, 'could not end in order')).finally(() => process.exit(1));
  };
  process.on('unhandledRejection', (error) => onStray(error, 'rejection'));
  process.on('uncaughtException', (error, origin) => onStray(error, strayOf(error, origin)));
  return { serve: (given) => (serving = given) };
}
