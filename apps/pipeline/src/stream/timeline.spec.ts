import { describe, expect, it } from 'vitest';
import { AAC_FRAME_MS, AudioFiller, type Frame, type FrameKind, Interleaver, OrderWatch, SessionClock } from './timeline.js';

const frame = (kind: FrameKind, at: number): Frame => ({ kind, at, keyframe: false, body: Buffer.alloc(0) });

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

describe('OrderWatch', () => {
  const watch = (times: number[]): OrderWatch => {
    const order = new OrderWatch();
    for (const time of times) order.picture(time);
    return order;
  };
  const steady = (count: number): number[] => Array.from({ length: count }, (_, i) => i * 33);

  it.each([
    ['one picture between two', [0, 66, 33, 132, 99], true],
    ['two', [0, 99, 33, 66, 198, 132, 165], true],
    ['a pyramid', [0, 132, 66, 33, 99, 264, 198, 165, 231], true],
    ['none yet', steady(20), null],
    ['none', steady(150), false],
    ['a single slip of a clock', [0, 33, 30, 66, 99], null],
    ['a clock set back', [5000, 5033, 0, 33, 66], null],
    ['a clock corrected by three pictures', [...steady(30), 860, 893, 926, 959, 992, 1025], null],
    ['two slips, seconds apart', [...steady(60), 1930, ...steady(200).slice(60, 120), 3900, ...steady(200).slice(120)], false],
    ['none at first', [...steady(150), 6000, 5950, 5980, 6100, 6050], true],
    ['none any more', [0, 66, 33, 132, 99, ...Array.from({ length: 901 }, (_, i) => 165 + i * 33)], false],
  ])('tells B-frames: %s', (_, times, reorders) => {
    expect(watch(times).reorders).toBe(reorders);
  });

  it('does not expect them to begin late', () => {
    expect(watch(steady(7)).isLikelyKnown).toBe(false);
    expect(watch(steady(8)).isLikelyKnown).toBe(true);
    expect(watch([0, 66, 33, 132, 99]).isLikelyKnown).toBe(true);
  });
});

describe('Interleaver', () => {
  const collect = (holdMs = 40): { out: [FrameKind, number][]; interleaver: Interleaver } => {
    const out: [FrameKind, number][] = [];
    return { out, interleaver: new Interleaver(holdMs, ({ kind, at }) => out.push([kind, at])) };
  };

  it('orders the two kinds by time', () => {
    const { out, interleaver } = collect();
    interleaver.push(frame('video', 0), 0);
    interleaver.push(frame('video', 33), 1);
    interleaver.push(frame('audio', 5), 2);
    interleaver.push(frame('audio', 26), 3);
    interleaver.push(frame('audio', 47), 4);
    expect(out).toEqual([
      ['video', 0],
      ['audio', 5],
      ['audio', 26],
      ['video', 33],
    ]);
  });

  it('does not wait for a kind that is known to be further on', () => {
    const { out, interleaver } = collect();
    interleaver.advance('audio', 100);
    interleaver.push(frame('video', 99), 0);
    expect(out).toEqual([['video', 99]]);
  });

  it('waits no longer than the hold for a kind that pauses', () => {
    const { out, interleaver } = collect(40);
    interleaver.push(frame('video', 0), 1000);
    interleaver.drain(1039);
    expect(out).toEqual([]);
    expect(interleaver.waiting).toBe(true);
    interleaver.drain(1040);
    expect(out).toEqual([['video', 0]]);
    expect(interleaver.waiting).toBe(false);
  });
});

describe('AudioFiller', () => {
  const gaps = (times: number[]): number[] => times.slice(1).map((time, i) => time - (times[i] as number));

  it('lets continuous audio through untouched', () => {
    const filler = new AudioFiller(200);
    for (let i = 0; i < 100; i += 1) {
      const { silence, at } = filler.real(i * AAC_FRAME_MS, i * AAC_FRAME_MS);
      expect(silence).toEqual([]);
      expect(at).toBeCloseTo(i * AAC_FRAME_MS);
    }
    expect(filler.silence(100 * AAC_FRAME_MS)).toEqual([]);
  });

  it('starts silence where there has never been audio, without a gap', () => {
    const filler = new AudioFiller(200);
    const times = [...filler.silence(1000), ...filler.silence(1100)];
    expect(times[0]).toBe(1000);
    for (const gap of gaps(times)) expect(gap).toBeCloseTo(AAC_FRAME_MS);
    expect((times.at(-1) as number) + AAC_FRAME_MS).toBeGreaterThan(1100);
  });

  it('fills a pause once patience is over, and the returning audio continues where silence ended', () => {
    const filler = new AudioFiller(200);
    filler.real(0, 0);
    expect(filler.silence(150)).toEqual([]);
    const filled = filler.silence(400);
    expect(filled[0]).toBeCloseTo(AAC_FRAME_MS);
    const end = filler.sentUntil as number;
    expect(filler.real(end - 3 * AAC_FRAME_MS, end - 3 * AAC_FRAME_MS)).toEqual({ silence: [], at: null });
    expect(filler.real(end + 2, end + 2)).toEqual({ silence: [], at: end + 1 });
  });

  it('fills a gap that arrives as a jump in real audio', () => {
    const filler = new AudioFiller(200);
    filler.real(0, 0);
    const { silence, at } = filler.real(5 * AAC_FRAME_MS, 5 * AAC_FRAME_MS);
    expect(silence).toHaveLength(4);
    expect(at).toBeCloseTo(5 * AAC_FRAME_MS);
  });

  it.each([
    ['a step forward', (i: number) => i * AAC_FRAME_MS + (i > 10 ? 15 : 0)],
    ['a step back', (i: number) => i * AAC_FRAME_MS - (i > 10 ? 16 : 0)],
    ['a clock that is 0.1 % fast', (i: number) => i * AAC_FRAME_MS * 1.001],
    ['a clock that is 0.1 % slow', (i: number) => i * AAC_FRAME_MS * 0.999],
  ])('slides into place after %s', (_, place) => {
    const filler = new AudioFiller(200);
    const out: number[] = [];
    for (let i = 0; i < 1000; i += 1) {
      const { silence, at } = filler.real(place(i), i * AAC_FRAME_MS);
      expect(silence).toEqual([]);
      out.push(at as number);
    }
    for (const gap of gaps(out)) expect(Math.abs(gap - AAC_FRAME_MS)).toBeLessThanOrEqual(1.0001);
    expect(out.at(-1)).toBeCloseTo(place(999), 0);
  });
});
