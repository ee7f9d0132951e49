// RTP clocks that run too fast or too slow, or step: the sound that a platform gets is never silenced for long.
import { describe, expect, it } from 'vitest';
import { LipSync } from '../../../../test/support/rtp-parts.js';
import { AudioFiller } from './audio-filler.js';
import { AAC_FRAME_MS } from './timeline.js';

const FRAMES = 3000;
/** As Hub has them. */
const [PATIENCE_MS, MARGIN_MS] = [600, 120];

/** @param speed of the sender's RTP clock after so many ms. What becomes of a minute of sound. */
function play(speed: (ms: number) => number, step: (ms: number) => number = () => 0) {
  const clock = new LipSync().addTrack();
  const filler = new AudioFiller(PATIENCE_MS);
  const seen = { leftOut: 0, longest: 0, silent: 0, furthest: 0, ahead: 0 };
  let media = 0;
  let run = 0;
  for (let i = 0; i < FRAMES; i += 1) {
    const now = 1000 + i * AAC_FRAME_MS;
    const timestamp = Math.round((media + step(now)) * 48) >>> 0;
    media += AAC_FRAME_MS * speed(now);
    clock.observe(timestamp, 48_000, now);
    const at = clock.map(timestamp, now);
    const { silence, at: placed } = filler.real(at, now);
    run = placed === null ? run + AAC_FRAME_MS : 0;
    seen.leftOut += placed === null ? 1 : 0;
    seen.silent += silence.length + filler.silence(now - MARGIN_MS).length;
    seen.longest = Math.max(seen.longest, run);
    seen.ahead = Math.max(seen.ahead, (filler.sentUntil ?? 0) - now);
    seen.furthest = Math.max(seen.furthest, Math.abs(at - now));
  }
  return seen;
}

describe('sound with an RTP clock that runs', () => {
  it.each([0.5, 0.6, 0.7, 0.8, 0.9, 0.98, 0.999, 1, 1.001, 1.02, 1.1, 1.2, 1.25, 1.5, 2, 10])(
    'at %f of its speed goes on',
    (speed) => {
      const seen = play(() => speed);
      expect(seen.longest).toBeLessThan(1200);
      // Most of it is heard, and where it belongs.
      expect(seen.leftOut).toBeLessThan(FRAMES * (speed >= 0.8 ? 0.03 : 0.15));
      expect(seen.silent).toBeLessThan(FRAMES * (speed >= 0.8 ? 0.1 : 0.2));
      expect(seen.furthest).toBeLessThan(3500);
      expect(seen.ahead).toBeLessThan(1600);
    },
  );

  it.each([0.5, 0.9, 1.1, 2, 10])('at %f of its speed for ten seconds, and then right, is not silenced', (speed) => {
    const seen = play((ms) => (ms > 20_000 && ms < 30_000 ? speed : 1));
    expect(seen.longest).toBeLessThan(1200);
    expect(seen.ahead).toBeLessThan(1600);
  });

  it.each([-60_000, -5000, -900, -300, 300, 900, 5000, 60_000, 40_000_000])('right, and steps by %i ms', (by) => {
    const seen = play(
      () => 1,
      (ms) => (ms > 20_000 ? by : 0),
    );
    expect(seen.longest).toBeLessThan(1200);
    expect(seen.furthest).toBeLessThan(1600);
  });

  it.each([5000, -5000, 900, 30_000])('right, but for one packet that is %i ms off', (by) => {
    const seen = play(
      () => 1,
      (ms) => (Math.abs(ms - 20_000) < AAC_FRAME_MS / 2 ? by : 0),
    );
    expect(seen.longest).toBeLessThan(1200);
    expect(seen.leftOut).toBeLessThan(60);
  });
});
