/** What an unhandled error is. `socket`: a connection that broke where nobody listened. */
export type UnhandledKind = 'rejection' | 'socket' | 'exception';
export const UNHANDLED_KINDS: readonly UnhandledKind[] = ['rejection', 'socket', 'exception'];

/** Where errors are written; `count` is how many of this kind there have been so far. */
export interface LastResortLog {
  error: (fields: { err: unknown; count?: number }, message: string) => void;
  fatal: (fields: { err: unknown; count?: number }, message: string) => void;
}

/** What a process that has started adds to the log. */
export interface Serving {
  /** For a metric: called for each, also for those that are not logged. */
  count?(kind: UnhandledKind): void;
  /** Ends in order what can be ended; it has END_MS for it. */
  end(error: unknown): Promise<unknown>;
}

/** Of each kind at most one line in this time: a stranger who causes them must not fill the disk. */
const LOG_EVERY_MS = 1000;
/** From the exception to the end of the process, ms. */
const END_MS = 5000;
/** Node's codes of a connection that is gone (errno(3), and those of its streams for a write that came too late). */
const CONNECTION_GONE = new Set([
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOTCONN',
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_WRITE_AFTER_END',
  'ERR_STREAM_PREMATURE_CLOSE',
]);

/** What an uncaught error is. A connection that broke leaves nothing half done; after any other exception nobody knows what the process has left undone. */
export function unhandledKindOf(error: unknown, origin: NodeJS.UncaughtExceptionOrigin): UnhandledKind {
  if (origin === 'unhandledRejection') return 'rejection';
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' && CONNECTION_GONE.has(code) ? 'socket' : 'exception';
}

/**
 * Takes the errors that would end the process. Until `serve` is called each of them ends it, with exit code 1: the start has failed. Afterwards a
 * rejection and a broken connection are logged and counted and the process goes on; any other exception ends it in order, with exit code 1.
 */
export function lastResort(log: LastResortLog): { serve(serving: Serving): void } {
  let serving: Serving | null = null;
  let isEnding = false;
  const line = boundedLog(log);
  const onUnhandled = (error: unknown, kind: UnhandledKind): void => {
    if (serving === null) {
      log.fatal({ err: error }, 'the start failed');
      process.exit(1);
    }
    serving.count?.(kind);
    line(kind, error);
    if (kind !== 'exception' || isEnding) return;
    isEnding = true;
    setTimeout(() => process.exit(1), END_MS);
    endInOrder(serving, error)
      .catch((failure: unknown) => log.fatal({ err: failure }, 'could not end in order'))
      .finally(() => process.exit(1));
  };
  process.on('unhandledRejection', (error) => onUnhandled(error, 'rejection'));
  process.on('uncaughtException', (error, origin) => onUnhandled(error, unhandledKindOf(error, origin)));
  return { serve: (given) => (serving = given) };
}

/** Async: `end` may also throw at once. */
const endInOrder = async (serving: Serving, error: unknown): Promise<unknown> => serving.end(error);

/** Writes the first of a kind at once, and what comes within LOG_EVERY_MS as one line after it, with the number so far: that of the last is always told. */
function boundedLog(log: LastResortLog): (kind: UnhandledKind, error: unknown) => void {
  const kinds = new Map<UnhandledKind, { count: number; told: number; last: unknown; timer: NodeJS.Timeout | null }>();
  return (kind, error) => {
    const tally = kinds.get(kind) ?? { count: 0, told: 0, last: null, timer: null };
    kinds.set(kind, tally);
    tally.count += 1;
    tally.last = error;
    const tell = (): void => {
      tally.timer = null;
      if (tally.told === tally.count) return;
      tally.told = tally.count;
      log[kind === 'exception' ? 'fatal' : 'error'](
        { err: tally.last, count: tally.count },
        `nobody expected this ${kind}`,
      );
      tally.timer = setTimeout(tell, LOG_EVERY_MS).unref();
    };
    if (tally.timer === null) tell();
  };
}
