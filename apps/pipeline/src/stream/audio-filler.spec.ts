import { describe, expect, it } from 'vitest';
import { AudioFiller } from './audio-filler.js';
import { AAC_FRAME_MS } from './timeline.js';

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
