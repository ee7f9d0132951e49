import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JitterBuffer } from '../../../test/support/rtp-parts.js';

/** Where the numbers begin: the 16 bits of the packets wrap in every test. */
const BASE = 0x1fffe;

/** A buffer and what comes out of it: packets as offsets from BASE, losses as text. */
function buffer({ nack = true, bytes = 1 } = {}): {
  out: (number | string)[];
  jitter: JitterBuffer;
  push: (offset: number, now?: number, isAnswer?: boolean) => void;
  work: (now: number, roundTrip?: number) => number[];
} {
  const out: (number | string)[] = [];
  const jitter = new JitterBuffer(nack, {
    onPacket: ({ timestamp }) => out.push(timestamp),
    onLost: (count) => out.push(`lost ${count}`),
  });
  const push = (offset: number, now = 0, isAnswer = false): void => {
    const number = BASE + offset;
    if (!jitter.wants(number)) return;
    jitter.push(number, offset, bytes, now, isAnswer);
  };
  const work = (now: number, roundTrip?: number): number[] =>
    jitter.work(now, roundTrip ?? null).map((sequence) => (sequence - BASE) & 0xffff);
  return { out, jitter, push, work };
}

/** The same after its first packets, 0 to 2. */
function running(options: Parameters<typeof buffer>[0] = {}): ReturnType<typeof buffer> {
  const made = buffer(options);
  for (const offset of [0, 1, 2]) made.push(offset);
  made.out.length = 0;
  return made;
}

describe('JitterBuffer', () => {
  it.each<[string, number[], (number | string)[]]>([
    ['in order, at once', [3, 4, 5], [3, 4, 5]],
    ['what follows a gap not yet', [3, 5, 6], [3]],
    ['what was overtaken in its place', [4, 5, 3, 6], [3, 4, 5, 6]],
    ['two gaps one after the other', [4, 6, 3, 7, 5], [3, 4, 5, 6, 7]],
    ['none twice', [3, 3, 5, 5, 4, 4, 3, 5, 6], [3, 4, 5, 6]],
    ['none that comes after an outage nobody mends', [3, 600, 601, 300], [3, 'lost 596', 600, 601]],
  ])('gives out %s', (_, offsets, expected) => {
    const { out, push } = running();
    for (const offset of offsets) push(offset);
    expect(out).toEqual(expected);
  });

  it('puts the first packets in order', () => {
    const { out, push } = buffer();
    for (const offset of [2, 0, 1, 3]) push(offset);
    expect(out).toEqual([0, 1, 2, 3]);
  });

  it('does not wait long for the first packets', () => {
    const { out, push, work, jitter } = buffer();
    push(1, 100);
    expect([out, jitter.deadline]).toEqual([[], 120]);
    work(119);
    expect(out).toEqual([]);
    work(120);
    push(2, 130);
    push(0, 130);
    expect([out, jitter.deadline]).toEqual([[1, 2], null]);
  });

  it('asks for what is missing, again and again, and gives it up', () => {
    const { out, push, work, jitter } = running();
    push(5, 1000);
    expect(jitter.deadline).toBe(1015);
    expect(work(1014)).toEqual([]);
    expect(work(1015)).toEqual([3, 4]);
    push(4, 1020);
    push(7, 1030);
    expect(work(1045)).toEqual([6]);
    expect(work(1115)).toEqual([3]);
    // With a known round trip: a little more than that, at least 40 ms.
    expect(work(1145, 60)).toEqual([6]);
    expect(work(1215, 60)).toEqual([3]);
    expect(jitter.deadline).toBe(1145 + 76);
    expect(work(1305, 10)).toEqual([3, 6]);
    expect(work(1345, 10)).toEqual([3, 6]);
    expect(work(1399, 10)).toEqual([3, 6]);
    expect(out).toEqual([]);
    expect(work(1400, 10)).toEqual([]);
    expect(out).toEqual(['lost 1', 4, 5]);
    push(6, 1429);
    expect(out).toEqual(['lost 1', 4, 5, 6, 7]);
    expect(jitter.deadline).toBeNull();
    push(3, 1430);
    push(8, 1430);
    expect(out).toEqual(['lost 1', 4, 5, 6, 7, 8]);
  });

  it('asks for each packet a limited number of times', () => {
    const { push, work } = running();
    push(4, 0);
    let requests = 0;
    for (let now = 0; now < 400; now += 1) requests += work(now, 1).length;
    expect(requests).toBe(10);
  });

  it('waits only for overtaken packets where none can be sent again', () => {
    const { out, push, work, jitter } = running({ nack: false });
    push(5, 1000);
    expect(jitter.deadline).toBe(1100);
    expect(work(1099)).toEqual([]);
    expect(work(1100)).toEqual([]);
    expect(out).toEqual(['lost 2', 5]);
  });

  it('loses nothing while the publisher pauses', () => {
    const { out, push, work, jitter } = running();
    push(3, 1000);
    work(1_000_000);
    push(4, 1_000_000);
    expect([out, jitter.deadline]).toEqual([[3, 4], null]);
  });

  it('knows the round trip from answers', () => {
    const { push, work, jitter } = running();
    push(4, 0);
    push(3, 5, true);
    expect(jitter.roundTripMs).toBeNull();
    for (const [offset, trip] of [
      [5, 20],
      [7, 180],
      [9, 61],
      [11, 60],
      [13, 62],
      [15, 62],
    ] as const) {
      push(offset + 1, 1000 * offset);
      work(1000 * offset + 15);
      push(offset, 1000 * offset + 15 + trip, true);
    }
    // The shortest of the last five: it may have become longer.
    expect(jitter.roundTripMs).toBe(60);
  });

  it('begins anew with other numbers', () => {
    const { out, push } = running();
    push(4);
    push(5);
    for (const offset of [200_001, 200_000, 200_002]) push(offset);
    expect(out).toEqual(['lost 1', 4, 5, 200_000, 200_001, 200_002]);
  });

  it('lets everything go at once', () => {
    const { out, push, jitter } = running();
    push(4);
    push(6);
    jitter.flush();
    expect(out).toEqual(['lost 1', 4, 'lost 1', 6]);
    for (const offset of [0, 1, 2, 3]) push(offset);
    expect([out.slice(4), jitter.deadline]).toEqual([[0, 1, 2, 3], null]);
  });

  it('holds a limited number of packets and bytes', () => {
    const many = running();
    for (let offset = 4; offset < 2053; offset += 1) many.push(offset);
    expect(many.out.slice(0, 2)).toEqual(['lost 1', 4]);
    const large = running({ bytes: 1400 });
    for (let offset = 4; offset < 4 + Math.floor(4_000_000 / 1400); offset += 1) large.push(offset);
    expect(large.out[0]).toBe('lost 1');
  });

  it('looks for a limited number of packets', () => {
    const { out, push, work } = running();
    for (let offset = 4; offset < 1100; offset += 2) push(offset);
    expect(work(15).length).toBe(512);
    expect(out.slice(0, 2)).toEqual(['lost 1', 4]);
  });

  it('puts any order right, each packet once', () => {
    const order = fc.integer({ min: 1, max: 300 }).chain((count) => {
      const each = Array.from({ length: count }, (__, i) => i + 3);
      return fc.tuple(fc.shuffledSubarray(each, { minLength: count }), fc.array(fc.constantFrom(...each)));
    });
    fc.assert(
      fc.property(order, ([offsets, twice]) => {
        const { out, push, jitter } = running();
        for (const offset of [...offsets, ...twice]) push(offset);
        expect(out).toEqual(offsets.toSorted((a, b) => a - b));
        expect(jitter.deadline).toBeNull();
      }),
    );
  });

  it('accounts for every packet, whatever is lost', () => {
    const come = fc.array(fc.tuple(fc.integer({ min: 0, max: 2000 }), fc.nat(50)), { maxLength: 200 });
    fc.assert(
      fc.property(come, fc.boolean(), (packets, nack) => {
        const { out, push, work } = running({ nack });
        let now = 0;
        for (const [offset, wait] of packets) {
          push(offset, now);
          work(now);
          now += wait;
        }
        work(now + 400);
        let next = 3;
        for (const entry of out) {
          if (typeof entry === 'number') expect(entry).toBe(next);
          next += typeof entry === 'number' ? 1 : Number(entry.slice(5));
        }
        expect(next).toBe(Math.max(2, ...packets.map(([offset]) => offset)) + 1);
      }),
    );
  });
});
