// Tells "something we stand on is away for now" (503, try again) from "we have a bug" (500).

import { DeadlineExceeded, withDeadline } from '#libs/process';

/** Rejects with DeadlineExceeded when `work` takes longer than `ms`: BullMQ's `add` waits without end on a Redis that is away at boot. */
export const within = <T>(ms: number, what: string, work: Promise<T>): Promise<T> =>
  withDeadline(work, { ms, tooLate: () => new DeadlineExceeded(`${what} took more than ${ms} ms`) });

/** Prisma: cannot connect, operation timed out, connection closed, too many connections, pool timeout, transaction timeout. */
const PRISMA_CODES = new Set(['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2028', 'P2037']);
/** What Prisma's driver adapters call the same, in errors of raw queries (which all have the code P2010). */
const ADAPTER_KINDS = new Set([
  'ConnectionClosed',
  'DatabaseNotReachable',
  'SocketTimeout',
  'TooManyConnections',
  'TlsConnectionError',
]);
/** Node's and Postgres's: socket errors, the classes 08 (connection), 53 (resources), 57P (shutdown), the timeouts of statements, locks and transactions, and statements that could not be prepared. */
const SYSTEM_CODE =
  /^(ECONN\w+|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|NR_CLOSED|57P0\d|57014|55P03|25P0[34]|26000|42P05|08\w{3}|53\w{3})$/;
/** Where a library gives no code: pg's pool, adapter-pg's read timeout, ioredis's states, and Redis refusing writes. */
const MESSAGES =
  /^(timeout exceeded when trying to connect|timeout expired$|Query read timeout|Connection terminated|Client was closed|Client has encountered a connection error|terminating connection due to |Command timed out|Connection is closed|Stream isn't writeable|Reached the max retries|OOM |MISCONF|LOADING|READONLY|CLUSTERDOWN|MASTERDOWN)/i;
const MAX_CAUSES = 5;

/** Whether `error` means that the database or Redis cannot be reached, or not in time. */
export function isUnavailable(error: unknown): boolean {
  let current = error;
  for (let depth = 0; depth < MAX_CAUSES && current instanceof Object; depth += 1) {
    const { code, kind, message, cause, meta } = current as {
      code?: unknown;
      kind?: unknown;
      message?: unknown;
      cause?: unknown;
      meta?: { driverAdapterError?: unknown };
    };
    if (current instanceof DeadlineExceeded) return true;
    if (typeof code === 'string' && (PRISMA_CODES.has(code) || SYSTEM_CODE.test(code))) return true;
    if (typeof kind === 'string' && ADAPTER_KINDS.has(kind)) return true;
    if (typeof message === 'string' && MESSAGES.test(message.trim())) return true;
    current = cause ?? meta?.driverAdapterError;
  }
  return false;
}
