// When to try again. Pure: time and chance are arguments.

const FIRST_MS = 500;
const LONGEST_MS = 10_000;
/** A server that asks for more patience than this is as good as away; trying a little earlier does no harm. */
const LONGEST_RETRY_AFTER_MS = 60_000;

/** The wait before attempt `attempt` (1, 2, ...): doubles, and is spread so that a thousand publishers do not come back at once. */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  const most = Math.min(LONGEST_MS, FIRST_MS * 2 ** (attempt - 1));
  return Math.round(most / 2 + (most / 2) * random());
}

/** What the server wants (`Retry-After`), never less, plus the same spread on top; without its wish the plain backoff. */
export function retryDelayMs(
  attempt: number,
  retryAfterMs: number | undefined,
  random: () => number = Math.random,
): number {
  const own = backoffMs(attempt, random);
  if (retryAfterMs === undefined) return own;
  return Math.min(retryAfterMs, LONGEST_RETRY_AFTER_MS) + Math.round(own / 4);
}

/** Reads a Retry-After header: seconds or a date. Undefined when absent or nonsense. */
export function parseRetryAfter(header: string | null, now: number = Date.now()): number | undefined {
  if (header === null) return undefined;
  if (/^\s*\d+\s*$/.test(header)) return Number(header) * 1000;
  // Date.parse alone takes almost anything for a date.
  const date = /GMT\s*$/.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
