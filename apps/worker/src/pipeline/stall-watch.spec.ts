import { describe, expect, it } from 'vitest';
import { type Progress, StallWatch } from './stall-watch.js';

/** When a connection counts as stalled, s; undefined within two minutes. `progress` says what is known at second `s`. */
function stalledAt(progress: (s: number) => Progress): number | undefined {
  const watch = new StallWatch(0);
  return Array.from({ length: 120 }, (_, s) => s).find((s) => watch.isStalled(progress(s), s * 1000));
}

const acks = (bytes: number, underWay: number, step = 250_000) => ({ bytes, underWay, step });

describe('StallWatch', () => {
  it.each<[string, (s: number) => Progress, number | undefined]>([
    ['nothing to send', () => ({ left: 1000, waits: false, acknowledged: null }), undefined],
    ['bytes leave, nobody acknowledges', (s) => ({ left: s * 1000, waits: true, acknowledged: null }), undefined],
    ['no byte leaves', (s) => ({ left: Math.min(s, 5) * 1000, waits: true, acknowledged: null }), 16],
    ['bytes leave into the kernel, acknowledgements stop', (s) => ({ left: s * 300_000, waits: false, acknowledged: acks(250_000, s * 300_000) }), 12],
    ['less than two steps under way: none is due', (s) => ({ left: s * 1000, waits: false, acknowledged: acks(0, 499_999) }), undefined],
    // A platform that acknowledges in great steps and stops in the middle of one.
    ['acknowledged once, then nothing leaves', (s) => ({ left: Math.min(s, 20) * 100_000, waits: s > 20, acknowledged: acks(2_000_000, 400_000, 2_000_000) }), 31],
    ['slow, but it goes on', (s) => ({ left: s * 100, waits: true, acknowledged: acks(Math.floor(s / 9) * 250_000, 600_000) }), undefined],
  ])('%s', (_, progress, at) => {
    expect(stalledAt(progress)).toBe(at);
  });
});
