import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Source } from '../../../test/support/rtp-parts.js';

const started = (first: number, sequences: number[]): { source: Source; numbers: (number | null)[] } => {
  const source = new Source(7, first, 0);
  return { source, numbers: sequences.map((sequence) => source.take(sequence, 0)) };
};
/** Relative to the first packet. */
const steps = (numbers: (number | null)[]): (number | null)[] =>
  numbers.map((number) => number && number - (numbers[0] as number));

describe('numbers of packets', () => {
  it.each<[string, number[], (number | null)[]]>([
    ['in order', [5, 6, 7], [0, 1, 2]],
    ['over the end', [0xffff, 0, 1], [0, 1, 2]],
    ['overtaken', [5, 8, 6, 7], [0, 3, 1, 2]],
    ['overtaken over the end', [0xfffe, 1, 0xffff, 0], [0, 3, 1, 2]],
    ['before the first', [0, 0xffff], [0, -1]],
    ['far, but no jump', [5, 3005, 5], [0, 3000, 0]],
    ['a jump that is not followed', [5, 40_000, 6], [0, null, 1]],
    ['a jump of several, none followed', [5, 40_000, 50_000, 6], [0, null, null, 1]],
  ])('are known: %s', (_, sequences, expected) => {
    expect(steps(started(sequences[0] as number, sequences).numbers)).toEqual(expected);
  });

  it('begin again, more than a cycle ahead', () => {
    const { source, numbers } = started(5, [5, 6, 40_000]);
    expect(numbers[2]).toBeNull();
    source.beginAnew(40_000);
    const after = [40_000, 40_001, 40_002].map((sequence) => source.take(sequence, 0) as number);
    expect((after[0] as number) - (numbers[1] as number)).toBeGreaterThan(0x10000);
    expect(steps(after)).toEqual([0, 1, 2]);
    expect(source.block(0)).toMatchObject({ highest: 40_002, cumulativeLost: 0, fractionLost: 0 });
  });
});

describe('reports', () => {
  it('tell losses as RFC 3550, A.3 has them', () => {
    const { source } = started(0xfffe, [0xfffe, 0xffff, 2, 3]);
    expect(source.block(0)).toEqual({
      ssrc: 7,
      fractionLost: Math.floor((2 * 256) / 6),
      cumulativeLost: 2,
      highest: 0x10003,
      jitter: 0,
      lastReport: 0,
      sinceLastReport: 0,
    });
    expect(source.hasNewPackets).toBe(false);
    for (const sequence of [4, 5, 7, 8]) source.take(sequence, 0);
    expect(source.hasNewPackets).toBe(true);
    expect(source.block(0)).toMatchObject({ fractionLost: Math.floor(256 / 5), cumulativeLost: 3, highest: 0x10008 });
    // One that came late, one that came twice.
    for (const sequence of [6, 8, 9]) source.take(sequence, 0);
    expect(source.block(0)).toMatchObject({ fractionLost: 0, cumulativeLost: 1 });
    expect(source.lost).toBe(1);
  });

  it('count on over beginnings for the figures', () => {
    const { source } = started(5, [5, 8]);
    source.beginAnew(40_001);
    for (const sequence of [40_001, 40_003]) source.take(sequence, 0);
    expect(source.lost).toBe(3);
    expect(source.block(0).cumulativeLost).toBe(1);
  });

  it('tell when the last sender report came', () => {
    const { source } = started(5, [5]);
    source.reported(0x12345678, 1000);
    expect(source.block(1500)).toMatchObject({ lastReport: 0x12345678, sinceLastReport: 0x8000 });
  });

  it('tell the jitter as RFC 3550, A.8 has it', () => {
    const packet = fc.record({ wait: fc.nat(100), step: fc.integer({ min: -9000, max: 90_000 }) });
    fc.assert(
      fc.property(fc.array(packet), fc.nat(0xffffffff), (packets, first) => {
        const source = new Source(7, 1, 0);
        let [arrival, timestamp, jitter, transit] = [0, first, 0, NaN];
        for (const { wait, step } of packets) {
          arrival += wait;
          timestamp = (timestamp + step) >>> 0;
          source.measure(timestamp, arrival, 90_000);
          const now = (arrival * 90 - timestamp) | 0;
          if (!Number.isNaN(transit)) jitter += (Math.abs((now - transit) | 0) - jitter) / 16;
          transit = now;
        }
        expect(source.block(0).jitter).toBe(Math.floor(jitter));
      }),
    );
  });

  it('do not take a clock that was set anew for jitter', () => {
    const source = new Source(7, 1, 0);
    for (const timestamp of [0, 3000, 3_000_000_000, 3_000_003_000])
      source.measure(timestamp, timestamp === 0 ? 0 : 33, 90_000);
    expect(source.jitterMs).toBeLessThan(5);
  });
});
