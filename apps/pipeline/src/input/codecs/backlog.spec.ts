import { describe, expect, it } from 'vitest';
import { Backlog } from './backlog.js';

/** 30 frames a second, a key frame every 30; `waiting(n)` of them are not decoded yet when the n-th comes. */
function taken(count: number, waiting: (n: number, taken: number) => number): number[] {
  const backlog = new Backlog();
  const result: number[] = [];
  for (let n = 0; n < count; n += 1) {
    if (backlog.takes(n % 30 === 0, waiting(n, result.length), (n * 1000) / 30)) result.push(n);
  }
  return result;
}

describe('Backlog', () => {
  it('takes everything while frames are decoded in time', () => {
    expect(taken(300, () => 0)).toHaveLength(300);
    expect(taken(300, () => 3)).toHaveLength(300);
    expect(taken(300, () => 29)).toHaveLength(300);
  });

  it('takes frames that come seldom, however long each takes', () => {
    const backlog = new Backlog();
    expect([0, 5000, 10_000, 15_000].map((now) => backlog.takes(now === 0, 0, now))).toEqual([true, true, true, true]);
  });

  it('skips from a frame that would wait longer than a second to a key frame after the rest is decoded', () => {
    // Nothing is decoded for three seconds, then everything.
    const result = taken(300, (n, count) => (n < 95 ? count : 0));
    expect(result.filter((n) => n < 120)).toEqual(Array.from({ length: 31 }, (_, n) => n));
    expect(result.slice(31)).toEqual(Array.from({ length: 180 }, (_, n) => n + 120));
  });

  it('leaves out whole GOPs on a machine of half the speed, and does not fall behind further', () => {
    const backlog = new Backlog();
    const queue: number[] = [];
    let longest = 0;
    const result: number[] = [];
    for (let n = 0; n < 900; n += 1) {
      if (n % 2 === 0) queue.shift();
      longest = Math.max(longest, n - (queue[0] ?? n));
      if (!backlog.takes(n % 30 === 0, queue.length, (n * 1000) / 30)) continue;
      queue.push(n);
      result.push(n);
    }
    const afterHoles = result.filter((n, i) => i > 0 && n - (result[i - 1] as number) > 1);
    expect(afterHoles.length).toBeGreaterThan(3);
    expect(afterHoles.every((n) => n % 30 === 0)).toBe(true);
    expect(result.length).toBeGreaterThan(380);
    // What waits for a second when it is the oldest was followed by as much, which takes two to decode.
    expect(longest).toBeLessThanOrEqual(62);
  });
});
