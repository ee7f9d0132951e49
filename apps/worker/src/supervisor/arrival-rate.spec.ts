import { describe, expect, it } from 'vitest';
import { ArrivalRate } from './arrival-rate.js';

/** Publishers that come every `everyMs` for ten seconds, to processes that take `startMs`. */
function rate(everyMs: number, startMs: number): ArrivalRate {
  const found = new ArrivalRate();
  for (let i = 0; i < 30; i += 1) found.started(startMs);
  for (let now = everyMs; now <= 10_000; now += everyMs) found.arrived(now);
  return found;
}

describe('how many processes are to be ready', () => {
  it.each([
    { everyMs: 5000, startMs: 500, ready: 2 },
    { everyMs: 500, startMs: 400, ready: 2 },
    { everyMs: 500, startMs: 1000, ready: 4 },
    { everyMs: 250, startMs: 700, ready: 6 },
    { everyMs: 50, startMs: 1000, ready: 8 },
  ])('one every $everyMs ms, which take $startMs ms: $ready', ({ everyMs, startMs, ready }) => {
    expect(rate(everyMs, startMs).wanted(2, 10_000)).toBe(ready);
  });

  it('is what is configured again when nobody has come for ten seconds', () => {
    const found = rate(100, 1000);
    expect([found.wanted(2, 10_000), found.wanted(2, 20_001)]).toEqual([8, 2]);
  });

  it('is none where none is wanted', () => {
    expect(rate(100, 1000).wanted(0, 10_000)).toBe(0);
  });
});

describe('how long a publisher waits for a process', () => {
  it.each([
    { waiting: 1, atOnce: 2, ms: 600 },
    { waiting: 2, atOnce: 2, ms: 600 },
    { waiting: 3, atOnce: 2, ms: 1200 },
    { waiting: 9, atOnce: 4, ms: 1800 },
  ])('$waiting of them, $atOnce at once: $ms ms', ({ waiting, atOnce, ms }) => {
    expect(Math.round(rate(1000, 600).waitMs(waiting, atOnce))).toBe(ms);
  });
});
