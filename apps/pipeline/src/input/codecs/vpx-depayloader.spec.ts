import { describe, expect, it } from 'vitest';
import type { TemporalUnit } from './av1.js';
import { withIndex } from './vp9-superframe.js';
import { VpxDepayloader } from './vpx-depayloader.js';

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');
/** A key frame's first bytes: 640 x 360. */
const VP8_KEY = '000000 9d012a 8002 6801';
/** Of each codec: the descriptor of a first and a later packet, a key frame, another. */
const CODECS = {
  VP8: { first: '10', later: '00', predicted: '10', key: VP8_KEY, other: '010000aa' },
  VP9: { first: '08', later: '00', predicted: '48', key: '824983420027f01678', other: '860000aa' },
};
type Codec = keyof typeof CODECS;

/** Frames of three packets each, 1000 apart; which of them are marked. */
function packets(codec: Codec, frames: number, marked: (piece: number) => boolean) {
  const { first, later, predicted, key, other } = CODECS[codec];
  return Array.from({ length: 3 * frames }, (_, i) => {
    const [frame, piece] = [Math.floor(i / 3), i % 3];
    const payload = piece === 0 ? (frame === 0 ? first + key : predicted + other) : `${later}0${piece}`;
    return {
      sequence: (65_530 + i) & 0xffff,
      timestamp: 1000 * frame,
      marker: marked(piece),
      payload: bytes(payload),
      time: frame,
    };
  });
}

const indexed = (...frames: string[]): string => Buffer.concat(withIndex(frames.map(bytes))).toString('hex');
/** As a decoder gets it: of VP9, with an index. */
const whole = (codec: Codec, frame: number): string => {
  const data = `${frame === 0 ? CODECS[codec].key : CODECS[codec].other}0102`;
  return codec === 'VP9' ? indexed(data) : bytes(data).toString('hex');
};

describe.each<Codec>(['VP8', 'VP9'])('%s', (codec) => {
  it.each<[string, (piece: number) => boolean]>([
    ['the last packet of a frame', (piece) => piece === 2],
    ['no packet', () => false],
    ['every packet', () => true],
    ['another packet, too', (piece) => piece > 0],
  ])('frames are whole whose sender marks %s', (_, marked) => {
    const depayloader = new VpxDepayloader(codec);
    const units = packets(codec, 9, marked)
      .flatMap((packet) => depayloader.push(packet))
      .slice(0, 8);
    expect(units.map(({ data, time, keyframe }) => [data.toString('hex'), time, keyframe])).toEqual(
      units.map((_, i) => [whole(codec, i), i, i === 0]),
    );
    expect(units.length).toBe(8);
  });

  it('frames come with their last packet where that alone is marked; the first three a moment later', () => {
    const depayloader = new VpxDepayloader(codec);
    const came = packets(codec, 6, (piece) => piece === 2).flatMap((packet) => {
      const units = depayloader.push(packet);
      return packet.marker
        ? [units.length === 1 ? 'now' : depayloader.flush().length === 1 ? 'after a moment' : 'never']
        : [];
    });
    expect(came).toEqual(['after a moment', 'after a moment', 'after a moment', 'now', 'now', 'now']);
  });

  it('leaves out everything from a lost packet to the next key frame', () => {
    const depayloader = new VpxDepayloader(codec);
    const all = [
      ...packets(codec, 4, (piece) => piece === 2),
      ...packets(codec, 2, (piece) => piece === 2).map((packet, i) => ({
        ...packet,
        time: packet.time + 4,
        timestamp: packet.timestamp + 4000,
        sequence: (65_530 + 12 + i) & 0xffff,
      })),
    ];
    const times = (units: TemporalUnit[]): number[] => units.map(({ time }) => time);
    expect(depayloader.isLost).toBe(true);
    expect(
      times(all.filter((_, i) => i !== 4).flatMap((packet) => [...depayloader.push(packet), ...depayloader.flush()])),
    ).toEqual([0, 4, 5]);
    expect(depayloader.isLost).toBe(false);
  });

  it('says the size of its frames, and refuses what is too large before a decoder sees it', () => {
    const depayloader = new VpxDepayloader(codec);
    expect(packets(codec, 2, (piece) => piece === 2).flatMap((packet) => depayloader.push(packet))[0]?.size).toEqual({
      width: 640,
      height: 360,
    });
    const key =
      codec === 'VP8' ? '10000000 9d012a 0020 0020' : '08824983420 1fff 1fff 0'.replaceAll(' ', '').padEnd(22, '0');
    expect(() =>
      new VpxDepayloader(codec).push({ sequence: 1, timestamp: 1, marker: false, payload: bytes(key), time: 0 }),
    ).toThrow('pictures of 8192 x 8192');
  });

  it('takes noise', () => {
    const depayloader = new VpxDepayloader(codec);
    for (let i = 0; i < 20_000; i += 1) {
      const payload = Buffer.from(
        Array.from({ length: i % 24 }, (_, k) => (i * 2_654_435_761 + k * 40_503 * (i + 7)) & 0xff),
      );
      try {
        depayloader.push({ sequence: i & 0xffff, timestamp: i >> 3, marker: i % 5 === 0, payload, time: 0 });
      } catch (error) {
        expect((error as Error).message).toContain('pictures of');
      }
    }
  });
});

it('begins with a frame only, and takes VP9 with layers for one frame', () => {
  const depayloader = new VpxDepayloader('VP9');
  const push = (sequence: number, payload: string, marker = false): TemporalUnit[] => [
    ...depayloader.push({ sequence, timestamp: 1, marker, payload: bytes(payload), time: 0 }),
    ...depayloader.flush(),
  ];
  // With layer indices, TL0PICIDX and a scalability structure of two sizes; then the second layer.
  expect(push(1, `aa 81 05 00 07 38 0280 0168 0500 02d0 01 04 01 ${CODECS.VP9.key}`)).toEqual([]);
  expect(push(2, `e8 81 05 02 07 ${CODECS.VP9.other}`, true).map(({ data }) => data.toString('hex'))).toEqual([
    indexed(CODECS.VP9.key, CODECS.VP9.other),
  ]);
});

describe('a frame of 8192 x 8192', () => {
  const LARGE = { VP8: '000000 9d012a 0020 0020', VP9: '82498342 01fff1fff0' };
  const [key, large] = [CODECS.VP9.key.length / 2, bytes(LARGE.VP9).length];
  const hex = (size: number): string => size.toString(16).padStart(2, '0');
  const intra = `${CODECS.VP9.key} ${LARGE.VP9}`;

  it.each<[string, Codec, string[]]>([
    ['behind another in one VP9 buffer', 'VP9', [`08 ${intra} c1 ${hex(key)} ${hex(large)} c1`]],
    ['whose header is in two packets', 'VP9', ['08 8249', `00 ${LARGE.VP9.slice(4)}`]],
    ['whose header is in two packets', 'VP8', ['10 000000', `00 ${LARGE.VP8.slice(6)}`]],
    [
      'behind another, and its index in a packet of its own',
      'VP9',
      [`08 ${intra}`, `00 c1 ${hex(key)}`, `00 ${hex(large)} c1`],
    ],
  ])('%s (%s) is seen before a decoder, also when no other packet follows', (_, codec, payloads) => {
    const send = (isMarked: boolean, flushes: boolean): void => {
      const depayloader = new VpxDepayloader(codec);
      const packet = (sequence: number, payload: string, timestamp = 1) => ({
        sequence,
        timestamp,
        marker: isMarked && sequence === payloads.length - 1,
        payload: bytes(payload),
        time: 0,
      });
      for (const [i, payload] of payloads.entries()) expect(depayloader.push(packet(i, payload))).toEqual([]);
      if (flushes) depayloader.flush();
      expect(depayloader.push(packet(payloads.length, CODECS[codec].first + CODECS[codec].key, 2))).toEqual([]);
    };
    expect(() => send(false, false)).toThrow('pictures of 8192 x 8192');
    expect(() => send(true, true)).toThrow('pictures of 8192 x 8192');
  });

  it('that no index tells of is no frame: the buffer is given one', () => {
    const depayloader = new VpxDepayloader('VP9');
    depayloader.push({ sequence: 1, timestamp: 1, marker: true, payload: bytes(`08 ${intra}`), time: 0 });
    expect(depayloader.flush().map(({ data }) => data.toString('hex'))).toEqual([indexed(intra)]);
  });

  it('VP9 whose index is wrong, or with more frames than one can tell of, is left out', () => {
    for (const payloads of [
      [`08 ${CODECS.VP9.key} c1 0a ff c1`],
      Array.from({ length: 9 }, () => `08 ${CODECS.VP9.key}`),
    ]) {
      const depayloader = new VpxDepayloader('VP9');
      for (const [i, payload] of payloads.entries())
        depayloader.push({
          sequence: i,
          timestamp: 1,
          marker: i === payloads.length - 1,
          payload: bytes(payload),
          time: 0,
        });
      expect(depayloader.flush()).toEqual([]);
      expect(depayloader.isLost).toBe(true);
    }
  });
});

it('of VP8 with one timestamp are told apart by their beginnings', () => {
  const depayloader = new VpxDepayloader('VP8');
  const units = packets('VP8', 4, (piece) => piece === 2).flatMap((packet) => [
    ...depayloader.push({ ...packet, timestamp: 7 }),
    ...depayloader.flush(),
  ]);
  expect(units.map(({ time }) => time)).toEqual([0, 1, 2, 3]);
});
