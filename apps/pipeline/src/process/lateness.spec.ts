import { describe, expect, it } from 'vitest';
import { Lateness, lateSince, watchLateness } from './lateness.js';

/** Ticks at these times, s; asked at the last of `asked`. */
const late = (ticks: number[], from: number, now: number): number => {
  const lateness = new Lateness(0);
  for (const at of ticks) lateness.tick(at * 1000);
  return lateness.since(from * 1000, now * 1000);
};

describe('Lateness', () => {
  it.each<[string, number[], number, number, number]>([
    ['on time', [0.25, 0.5, 0.75], 0, 0.9, 0],
    ['a little late does not count, however often', [0.34, 0.68, 1.02, 1.36], 0, 1.4, 0],
    ['a pause', [0.25, 5.5, 5.75], 0, 6, 5000],
    ['two pauses', [2.25, 2.5, 4.75], 0, 5, 4000],
    ['one that has not ended', [0.25], 0, 8.5, 8000],
    ['of a pause, what lies in the time asked for', [0.25, 5.5], 4.5, 5.7, 1000],
    ['nothing of one that was before', [0.25, 5.5], 5.6, 5.7, 0],
    ['what is long ago is forgotten', [0.25, 5.5, 70, 70.25], 0, 70.3, 64_250],
  ])('%s', (_, ticks, from, now, ms) => {
    expect(late(ticks, from, now)).toBeCloseTo(ms, 3);
  });

  it('of this process, also at once after a turn that took too long', () => {
    watchLateness();
    const from = performance.now();
    while (performance.now() - from < 900);
    expect(lateSince(from)).toBeGreaterThan(500);
  });
});
