import type { RetryClass } from './reasons.js';

/** First and longest pause, ms. `slow` leaves a platform that said no alone; its first retry covers a typing error just corrected there. */
const PAUSES: Record<Exclude<RetryClass, 'never'>, { first: number; longest: number }> = {
  fast: { first: 1000, longest: 30_000 },
  slow: { first: 60_000, longest: 600_000 },
};

/**
 * The pause before attempt `failures + 1`, ms: doubled with each failure in a row, with a jitter of a half (what broke for
 * many at once shall not return for all at once). `random` gives a number in [0, 1).
 */
export function retryDelayMs(failures: number, retry: Exclude<RetryClass, 'never'>, random: () => number): number {
  const { first, longest } = PAUSES[retry];
  const full = Math.min(longest, first * 2 ** Math.min(Math.max(0, failures - 1), 20));
  return Math.round(full / 2 + (full / 2) * random());
}
