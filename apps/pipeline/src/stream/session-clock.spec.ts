import { describe, expect, it } from 'vitest';
import { SessionClock } from './session-clock.js';

describe('SessionClock', () => {
  it('puts a session where the stream is when its first sample arrives, then follows its times', () => {
    let now = 5000;
    const clock = new SessionClock(() => now);
    expect(clock.map(200)).toBe(5000);
    now = 9999;
    expect(clock.map(233)).toBe(5033);
    expect(clock.map(190)).toBe(4990);
  });

  it('goes no further ahead than tracks can differ: silence is filled in up to there', () => {
    const clock = new SessionClock(() => 5000);
    clock.map(200);
    expect(clock.map(10_000)).toBe(14_800);
    expect(clock.map(2 ** 64 / 1e6)).toBe(17_000);
  });
});
