import { describe, expect, it } from 'vitest';
import { backoffMs, parseRetryAfter, retryDelayMs } from './backoff.js';

describe('backoffMs', () => {
  it.each([
    [1, 250, 500],
    [2, 500, 1000],
    [4, 2000, 4000],
    [6, 5000, 10_000],
    [50, 5000, 10_000],
  ])('attempt %i waits between %i and %i ms', (attempt, least, most) => {
    expect(backoffMs(attempt, () => 0)).toBe(least);
    expect(backoffMs(attempt, () => 1)).toBe(most);
  });
});

describe('retryDelayMs', () => {
  it('never undercuts the server, and spreads those who were told the same', () => {
    expect(retryDelayMs(1, 5000, () => 0)).toBeGreaterThanOrEqual(5000);
    expect(retryDelayMs(1, 5000, () => 1)).toBeGreaterThan(retryDelayMs(1, 5000, () => 0));
  });

  it('does not wait for an hour', () => {
    expect(retryDelayMs(1, 3_600_000, () => 1)).toBeLessThan(65_000);
  });

  it('without a word from the server is the backoff', () => {
    expect(retryDelayMs(3, undefined, () => 0.5)).toBe(backoffMs(3, () => 0.5));
  });
});

it.each([
  [null, undefined],
  ['5', 5000],
  [' 0 ', 0],
  ['Sat, 21 Nov 2026 08:00:10 GMT', 10_000],
  ['Sat, 21 Nov 2026 07:00:00 GMT', 0],
  ['soon', undefined],
  ['-3', undefined],
])('reads Retry-After %j', (header, ms) => {
  expect(parseRetryAfter(header, Date.parse('2026-11-21T08:00:00Z'))).toBe(ms);
});
