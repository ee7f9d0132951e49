import { describe, expect, it } from 'vitest';
import { retryDelayMs } from './retry.js';

describe('retryDelayMs', () => {
  it.each([
    [1, 'fast', 500, 1000],
    [2, 'fast', 1000, 2000],
    [3, 'fast', 2000, 4000],
    [5, 'fast', 8000, 16_000],
    [6, 'fast', 15_000, 30_000],
    [1000, 'fast', 15_000, 30_000],
    [1, 'slow', 30_000, 60_000],
    [2, 'slow', 60_000, 120_000],
    [4, 'slow', 240_000, 480_000],
    [99, 'slow', 300_000, 600_000],
    [0, 'fast', 500, 1000],
    [-5, 'fast', 500, 1000],
    [Number.MAX_SAFE_INTEGER, 'slow', 300_000, 600_000],
  ] as const)('after %i failures, %s: %i to %i ms', (failures, retry, least, most) => {
    expect(retryDelayMs(failures, retry, () => 0)).toBe(least);
    expect(retryDelayMs(failures, retry, () => 0.999999)).toBe(most);
  });

  it('never shrinks with more failures, and is a whole number of ms', () => {
    for (const retry of ['fast', 'slow'] as const) {
      const delays = Array.from({ length: 40 }, (_, i) => retryDelayMs(i + 1, retry, () => 1 / 3));
      expect(delays).toEqual(delays.toSorted((a, b) => a - b));
      expect(delays.every(Number.isInteger)).toBe(true);
    }
  });
});
