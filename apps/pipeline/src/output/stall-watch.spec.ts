import { describe, expect, it } from 'vitest';
import { type Progress, StallWatch } from './stall-watch.js';

/** When a connection counts as stalled, s; undefined within two minutes. `progress` says what is known at second `s`. */
function stalledAt(
  progress: (s: number) => Progress,
  looks = Array.from({ length: 240 }, (_, i) => i / 2),
): number | undefined {
  const watch = new StallWatch(0);
  return looks.find((s) => watch.isStalled(progress(s), s * 1000));
}

describe('StallWatch', () => {
  it.each<[string, (s: number) => Progress, number | undefined]>([
    ['nothing to send', () => ({ taken: 1000, waits: false }), undefined],
    ['takes all the time', (s) => ({ taken: s * 1000, waits: true }), undefined],
    ['takes nothing from the beginning', () => ({ taken: 0, waits: true }), 10.5],
    ['takes nothing any more', (s) => ({ taken: Math.min(s, 5) * 1000, waits: true }), 15.5],
    ['takes all that there is, then nothing', (s) => ({ taken: 1000, waits: s >= 30 }), 40.5],
    ['slow, but it goes on', (s) => ({ taken: Math.floor(s / 9), waits: true }), undefined],
    ['now and then all is taken', (s) => ({ taken: 1000, waits: s % 8 !== 0 }), undefined],
    // Of a connection with other counters (TLS): less is no progress either.
    ['goes back', (s) => ({ taken: 1000 - s, waits: true }), 10.5],
  ])('%s', (_, progress, at) => {
    expect(stalledAt(progress)).toBe(at);
  });

  it.each<[string, number[], number | undefined]>([
    ['a look after a long pause of ours proves nothing', [0, 0.5, 60, 60.5, 61], undefined],
    ['nor do several such looks', [0, 20, 40, 60, 80, 100], undefined],
    ['until there were as many as a stall takes', Array.from({ length: 30 }, (_, i) => 20 * i), 220],
  ])('%s', (_, looks, at) => {
    expect(stalledAt(() => ({ taken: 0, waits: true }), looks)).toBe(at);
  });
});
