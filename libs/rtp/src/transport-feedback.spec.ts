import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TransportFeedback } from '../../../test/support/rtp-parts.js';

interface Decoded {
  base: number;
  count: number;
  /** Sequence number and arrival, ms; null where it did not come. */
  packets: [number, number | null][];
}

/** Written after the draft, not after the encoder. */
function decode(packet: Buffer): Decoded {
  expect(packet.toString('hex', 0, 2)).toBe('8fcd');
  expect(packet.length).toBe(4 * (packet.readUInt16BE(2) + 1));
  const [base, total, reference, count] = [
    packet.readUInt16BE(12),
    packet.readUInt16BE(14),
    packet.readIntBE(16, 3),
    packet.readUInt8(19),
  ];
  const symbols: number[] = [];
  let at = 20;
  for (; symbols.length < total; at += 2) {
    const chunk = packet.readUInt16BE(at).toString(2).padStart(16, '0');
    if (chunk.startsWith('0'))
      symbols.push(
        ...Array.from({ length: Number.parseInt(chunk.slice(3), 2) }, () => Number.parseInt(chunk.slice(1, 3), 2)),
      );
    else
      for (const symbol of chunk.slice(2).match(chunk[1] === '0' ? /./g : /../g) ?? [])
        symbols.push(Number.parseInt(symbol, 2));
  }
  let time = reference * 64;
  const packets = symbols.slice(0, total).map((symbol, i): [number, number | null] => {
    const sequence = (base + i) & 0xffff;
    if (symbol === 0) return [sequence, null];
    time += (symbol === 1 ? packet.readUInt8(at) : packet.readInt16BE(at)) / 4;
    at += symbol;
    return [sequence, time];
  });
  expect(packet.length - at).toBeLessThan(4);
  return { base, count, packets };
}

function told(
  arrivals: [number, number][],
  now: number,
  feedback = new TransportFeedback(),
): [number, number | null][] {
  for (const [sequence, at] of arrivals) feedback.record(sequence, at);
  return feedback.work(1, 2, now).flatMap((packet) => decode(packet).packets);
}

describe('TransportFeedback', () => {
  it.each<[string, [number, number][], [number, number | null][]]>([
    ['a packet', [[5, 1000.25]], [[5, 1000.25]]],
    [
      'packets in order',
      [
        [5, 1000],
        [6, 1012],
        [7, 1012],
      ],
      [
        [5, 1000],
        [6, 1012],
        [7, 1012],
      ],
    ],
    [
      'missing ones',
      [
        [5, 1000],
        [8, 1001],
      ],
      [
        [5, 1000],
        [6, null],
        [7, null],
        [8, 1001],
      ],
    ],
    [
      'ones far apart',
      [
        [5, 1000],
        [6, 1100],
        [7, 7000],
      ],
      [
        [5, 1000],
        [6, 1100],
        [7, 7000],
      ],
    ],
    [
      'ones that overtook each other',
      [
        [5, 1000],
        [7, 1010],
        [6, 1020],
      ],
      [
        [5, 1000],
        [6, 1020],
        [7, 1010],
      ],
    ],
    [
      'each once',
      [
        [5, 1000],
        [5, 1010],
      ],
      [[5, 1000]],
    ],
    [
      'over the end of the numbers',
      [
        [0xffff, 1000],
        [1, 1010],
      ],
      [
        [0xffff, 1000],
        [0, null],
        [1, 1010],
      ],
    ],
    [
      'only what follows a large gap',
      [
        [5, 1000],
        [1200, 1010],
      ],
      [[1200, 1010]],
    ],
    [
      'only what follows a step back',
      [
        [5000, 1000],
        [10, 1010],
        [11, 1010],
      ],
      [
        [10, 1010],
        [11, 1010],
      ],
    ],
  ])('tells %s', (_, arrivals, expected) => {
    expect(told(arrivals, 2000)).toEqual(expected);
  });

  it('needs another packet for times very far apart', () => {
    const feedback = new TransportFeedback();
    for (const [sequence, at] of [
      [5, 1000],
      [6, 1001],
      [7, 20_000],
    ] as const)
      feedback.record(sequence, at);
    const packets = feedback.work(1, 2, 20_000).map(decode);
    expect(packets.map(({ base, count }) => [base, count])).toEqual([
      [5, 0],
      [7, 1],
    ]);
    expect(packets.flatMap((each) => each.packets)).toEqual([
      [5, 1000],
      [6, 1001],
      [7, 20_000],
    ]);
  });

  it('waits a while, but not for more than some packets', () => {
    const feedback = new TransportFeedback();
    expect(feedback.work(1, 2, 1000)).toEqual([]);
    expect(told([[1, 1000]], 1000, feedback)).toHaveLength(1);
    expect(told([[2, 1010]], 1080, feedback)).toHaveLength(0);
    expect(told([[4, 1085]], 1090, feedback)).toEqual([
      [2, 1010],
      [3, null],
      [4, 1085],
    ]);
    expect(feedback.work(1, 2, 2000)).toEqual([]);
    const many = Array.from({ length: 250 }, (_, i): [number, number] => [5 + i, 2000]);
    expect(told(many.slice(0, 249), 1095, feedback)).toHaveLength(0);
    expect(told(many.slice(249), 1095, feedback)).toHaveLength(250);
  });

  it('tells again of a packet that it told to be missing', () => {
    const feedback = new TransportFeedback();
    told(
      [
        [1, 1000],
        [3, 1001],
      ],
      1100,
      feedback,
    );
    expect(
      told(
        [
          [2, 1150],
          [4, 1151],
        ],
        1200,
        feedback,
      ),
    ).toEqual([
      [2, 1150],
      [3, 1001],
      [4, 1151],
    ]);
  });

  it('tells exactly what came, in packets of a limited size', () => {
    const step = fc.tuple(
      fc.oneof(fc.constant(1), fc.integer({ min: -20, max: 40 })),
      fc.oneof(fc.constant(0), fc.nat(400), fc.nat(9000)),
    );
    fc.assert(
      fc.property(fc.nat(0xffff), fc.array(step, { maxLength: 400 }), (first, path) => {
        const feedback = new TransportFeedback();
        const came = new Map<number, number>();
        const heard = new Map<number, number | null>();
        let [sequence, now] = [first, 5000];
        const hear = (): void => {
          for (const packet of feedback.work(1, 2, now)) {
            expect(packet.length).toBeLessThan(1180);
            for (const [number, at] of decode(packet).packets) heard.set(number, at);
          }
        };
        feedback.record(sequence, now);
        came.set(sequence, now);
        for (const [ahead, wait] of path) {
          now += wait;
          const number = Math.max(sequence - 500, sequence + ahead) & 0xffff;
          if (((number - first) << 16) >> 16 < 0) continue;
          if (!came.has(number)) came.set(number, now);
          feedback.record(number, now);
          if (((number - sequence) << 16) >> 16 > 0) sequence = number;
          hear();
        }
        now += 1000;
        feedback.record((sequence + 1) & 0xffff, now);
        came.set((sequence + 1) & 0xffff, now);
        hear();
        expect(new Map([...heard].filter(([, at]) => at !== null))).toEqual(came);
      }),
    );
  });

  it('takes anything', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(0xffff), fc.nat(100)), { maxLength: 600 }), (records) => {
        const feedback = new TransportFeedback();
        let now = 0;
        for (const [sequence, wait] of records) {
          feedback.record(sequence, (now += wait));
          for (const packet of feedback.work(1, 2, now)) expect(() => decode(packet)).not.toThrow();
        }
      }),
    );
  });
});
