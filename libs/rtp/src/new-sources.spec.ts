// Where a new source begins, its first packets count: they hold the key frame that all others need.
import { describe, expect, it } from 'vitest';
import { AUDIO, AUDIO_SSRC, type Fields, receiver, rtp, running, VIDEO_SSRC } from '../../../test/support/rtp.js';

const KEY = { payload: Buffer.from('6742c01e', 'hex') };
const OTHER = { payload: Buffer.from('419a00', 'hex') };
const DELIMITER = { payload: Buffer.from('09f0', 'hex') };
/** When, which packet. */
type Sent = [number, Fields];

/** Packets 1 to 3 of the first source, of which the last came at 1030; then these. What came out of it, as ssrc-independent sequence numbers. */
function after(sent: Sent[]): number[] {
  const { push, sequences } = running();
  for (const [now, fields] of sent) push(rtp({ timestamp: 90 * now, ...fields }), now);
  return sequences().slice(3);
}

const own = (sequence: number): Fields => ({ sequence, ...OTHER });
const other = (sequence: number, what: Fields = OTHER): Fields => ({ ssrc: 9, sequence, ...what });

describe('a new source', () => {
  it.each<[string, Sent[], number[]]>([
    [
      'with parameter sets is followed at once',
      [
        [1031, other(500, KEY)],
        [1032, other(501)],
        [1033, other(502)],
      ],
      [500, 501, 502],
    ],
    [
      'with a delimiter before them, too',
      [
        [1031, other(500, DELIMITER)],
        [1032, other(501, KEY)],
        [1033, other(502)],
      ],
      [500, 501, 502],
    ],
    [
      'whose first packets were overtaken by later ones, too',
      [
        [1031, other(501)],
        [1032, other(500, KEY)],
        [1033, other(502)],
      ],
      [500, 501, 502],
    ],
    [
      'that shows no key frame is followed after a silence, with what it sent meanwhile',
      [
        [1050, other(500)],
        [1150, other(501)],
        [1240, other(502)],
      ],
      [500, 501, 502],
    ],
    [
      'that shows none is not followed while the present one sends',
      [
        [1050, other(500)],
        [1060, own(4)],
        [1150, other(501)],
        [1160, own(5)],
        [1260, other(502)],
        [1261, own(6)],
      ],
      [4, 5, 6],
    ],
    [
      'that has sent beside it is not followed at its next key frame',
      [
        [1040, other(500)],
        [1060, own(4)],
        [1200, own(5)],
        [1260, other(501, KEY)],
        [1300, own(6)],
      ],
      [4, 5, 6],
    ],
    [
      'that took over is not cut off by the key frames of the one before',
      [
        [1031, other(500, KEY)],
        [1032, other(501)],
        [1033, other(502)],
        [1060, { sequence: 4, ...KEY }],
        [1061, other(503)],
        [1080, { sequence: 5, ...KEY }],
        [1081, other(504)],
      ],
      [500, 501, 502, 503, 504],
    ],
    [
      'of long ago is kept no longer than a handover takes',
      [
        [1040, other(500)],
        [1060, own(4)],
        [1250, own(5)],
        [1440, other(501)],
        [1441, other(502)],
        [1460, other(503)],
      ],
      [4, 5, 501, 502, 503],
    ],
  ])('%s', (_, sent, expected) => {
    expect(after(sent)).toEqual(expected);
  });

  it('with every GOP brings every packet of each', () => {
    const { push, out } = receiver();
    const sent: number[] = [];
    for (let group = 0; group < 40; group += 1) {
      for (let i = 0; i < 15; i += 1) {
        const now = 1000 + (group * 15 + i) * 33;
        const sequence = (group * 7919 + i) & 0xffff;
        sent.push(sequence);
        push(rtp({ ssrc: 100 + group, sequence, timestamp: now * 90, marker: true, ...(i === 0 ? KEY : OTHER) }), now);
      }
    }
    expect(out.map(({ packet }) => packet.sequence)).toEqual(sent);
  });

  it('of sound is followed after a silence, with all of its sound', () => {
    const { push, out } = receiver({ formats: [AUDIO] });
    for (let i = 0; i < 60; i += 1) {
      const isSecond = i >= 20;
      push(
        rtp({
          payloadType: 111,
          ssrc: isSecond ? 9 : AUDIO_SSRC,
          sequence: isSecond ? 30_000 + i : i,
          timestamp: 960 * i,
          payload: Buffer.from([0xfc, i]),
        }),
        1000 + 20 * i,
      );
    }
    expect(out.map(({ packet }) => packet.payload[1])).toEqual(Array.from({ length: 60 }, (_, i) => i));
    // Its time is that of its arrival, not of our decision.
    expect(out.map(({ packet }) => Math.round(packet.time))).toEqual(
      Array.from({ length: 60 }, (_, i) => 1000 + 20 * i),
    );
  });

  it('does not fill the memory, whatever it sends', () => {
    const { push, receiver: made, sequences } = running();
    for (let i = 0; i < 200_000; i += 1)
      push(rtp({ ssrc: 1000 + (i % 50), sequence: i & 0xffff, payload: Buffer.alloc(1200, 0x41) }), 1030 + i / 1e4);
    const { packets, bytes, sources } = made.kept;
    expect(packets).toBeGreaterThan(0);
    expect(packets).toBeLessThanOrEqual(512);
    expect(bytes).toBeLessThanOrEqual(1_000_000);
    expect(sources).toBeLessThanOrEqual(16);
    expect(sequences()).toEqual([1, 2, 3]);
  });
});

describe('a jump of the numbers', () => {
  it.each<[string, Sent[], number[]]>([
    [
      'loses nothing of what comes after it',
      [
        [1040, { sequence: 40_000, ...KEY }],
        [1041, own(40_001)],
        [1042, own(40_002)],
      ],
      [40_000, 40_001, 40_002],
    ],
    [
      'nor where a packet of it is lost',
      [
        [1040, { sequence: 40_000, ...KEY }],
        [1041, own(40_002)],
        [1042, own(40_003)],
        [1043, own(40_001)],
      ],
      [40_000, 40_001, 40_002, 40_003],
    ],
    [
      'nor where one from before comes late',
      [
        [1040, { sequence: 40_000, ...KEY }],
        [1041, own(4)],
        [1042, own(40_001)],
        [1043, own(40_002)],
      ],
      [4, 40_000, 40_001, 40_002],
    ],
    [
      'is not believed of one packet',
      [
        [1040, { sequence: 40_000, ...KEY }],
        [1041, own(4)],
        [1042, own(5)],
      ],
      [4, 5],
    ],
    [
      'is not believed of two that have nothing to do with each other',
      [
        [1040, own(40_000)],
        [1041, own(50_000)],
        [1042, own(4)],
      ],
      [4],
    ],
  ])('%s', (_, sent, expected) => {
    expect(after(sent.map(([now, fields]) => [now, { ssrc: VIDEO_SSRC, ...fields }]))).toEqual(expected);
  });
});
