import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compactNtp,
  genericNack,
  parseRtcp,
  pictureLoss,
  receiverReport,
  referenceTime,
  sourceDescription,
  transportWide,
} from '../../../test/support/rtp-parts.js';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
// NTP e0000001 80000000: half a second after 0xe0000001.
const SENDER_REPORT = '80 c8 0006 11111111 e0000001 80000000 00010000 00000005 00000500';
const SENDER_REPORT_READ = {
  type: 'sender-report',
  ssrc: 0x11111111,
  ntpMs: 0xe0000001 * 1000 + 500,
  compactNtp: 0x00018000,
  timestamp: 0x10000,
};
const BYE = '82 cb 0002 11111111 22222222';
const DLRR = '80 cf 0005 11111111 05 00 0003 99999999 aabbccdd 00010000';
const DLRR_READ = { type: 'reference-answer', ssrc: 0x99999999, lastReport: 0xaabbccdd, delay: 0x10000 };

describe('parseRtcp', () => {
  it.each<[string, string, object[]]>([
    ['a sender report', SENDER_REPORT, [SENDER_REPORT_READ]],
    [
      'a goodbye of several',
      BYE,
      [
        { type: 'bye', ssrc: 0x11111111 },
        { type: 'bye', ssrc: 0x22222222 },
      ],
    ],
    ['an answer to our clock', DLRR, [DLRR_READ]],
    [
      'an answer after another block',
      '80 cf 0008 11111111 04 00 0002 0000000000000000 05 00 0003 99999999 aabbccdd 00010000',
      [DLRR_READ],
    ],
    [
      'all of them, with what we do not know between',
      `${SENDER_REPORT} 81ca0002 11111111 01000000 ${DLRR} 80d20000 ${BYE}`,
      [SENDER_REPORT_READ, DLRR_READ, { type: 'bye', ssrc: 0x11111111 }, { type: 'bye', ssrc: 0x22222222 }],
    ],
    [
      'what comes before something malformed',
      `${BYE} 80c8ffff ${BYE}`,
      [
        { type: 'bye', ssrc: 0x11111111 },
        { type: 'bye', ssrc: 0x22222222 },
      ],
    ],
    ['no report that is too short', '80 c8 0005 11111111 e0000001 80000000 00010000 00000005', []],
    ['no more goodbyes than there are', '9f cb 0001 11111111', [{ type: 'bye', ssrc: 0x11111111 }]],
    ['no block beyond the packet', '80 cf 0002 11111111 05 00 0003', []],
    ['another version', '40 cb 0001 11111111', []],
    ['nothing', '', []],
  ])('reads %s', (_, packet, messages) => {
    expect(parseRtcp(hex(packet))).toEqual(messages);
  });

  it('reads whatever comes', () => {
    const packet = fc.tuple(fc.constantFrom(200, 203, 207), fc.nat(31), fc.nat(8), fc.uint8Array({ maxLength: 40 }));
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 3 }), (packets) => {
        const compound = Buffer.concat(
          packets.map(([type, count, words, rest]) =>
            Buffer.concat([Buffer.from([0x80 | count, type, 0, words]), rest]),
          ),
        );
        expect(() => parseRtcp(compound)).not.toThrow();
      }),
    );
  });
});

describe('what we write', () => {
  it('is a receiver report', () => {
    const block = {
      ssrc: 0x22222222,
      fractionLost: 0x40,
      cumulativeLost: 5,
      highest: 0x10005,
      jitter: 7,
      lastReport: 0x33333333,
      sinceLastReport: 0x44444444,
    };
    expect(receiverReport(0x11111111, []).toString('hex')).toBe('80c9000111111111');
    expect(receiverReport(0x11111111, [block, { ...block, cumulativeLost: -1 }])).toEqual(
      hex(
        '82c9000d 11111111 22222222 40000005 00010005 00000007 33333333 44444444 22222222 40ffffff 00010005 00000007 33333333 44444444',
      ),
    );
    expect(receiverReport(1, [{ ...block, cumulativeLost: 1e9 }]).readIntBE(13, 3)).toBe(0x7fffff);
  });

  it.each([
    ['a', '81ca0003 11111111 01016100 '],
    ['ab', '81ca0003 11111111 01026162 00000000'],
    ['abcdef', '81ca0004 11111111 01066162 63646566 00000000'],
  ])('is the name %s', (name, packet) => {
    const written = sourceDescription(0x11111111, name);
    expect(written.length).toBe(4 * (written.readUInt16BE(2) + 1));
    expect(written.at(-1)).toBe(0);
    expect(written.toString('hex', 4)).toBe(hex(packet).toString('hex', 4));
  });

  it('is our clock, which an answer refers to', () => {
    const packet = referenceTime(0x11111111, 1234.5);
    expect(packet.toString('hex', 0, 12)).toBe('80cf00041111111104000002');
    const seconds = packet.readUInt32BE(12) + packet.readUInt32BE(16) / 2 ** 32;
    expect((seconds - 2_208_988_800) * 1000).toBeCloseTo(performance.timeOrigin + 1234.5, 1);
    expect(Math.abs(packet.readUInt32BE(14) - compactNtp(1234.5))).toBeLessThanOrEqual(1);
    expect(compactNtp(2234.5) - compactNtp(1234.5)).toBeCloseTo(65_536, -1);
  });

  it.each<[string, number[], string]>([
    ['one packet', [5], '0005 0000'],
    ['neighbours', [5, 6, 7, 21], '0005 8003'],
    ['one too far for a mask', [5, 22], '0005 0000 0016 0000'],
    ['over the end of the numbers', [0xfffe, 0xffff, 0, 2], 'fffe 000b'],
  ])('asks for %s', (_, sequences, pairs) => {
    const body = hex(pairs);
    expect(genericNack(1, 2, sequences)).toEqual(
      Buffer.concat([hex(`81cd000${2 + body.length / 4} 00000001 00000002`), body]),
    );
  });

  it('asks for a key frame, and tells arrivals', () => {
    expect(pictureLoss(1, 2)).toEqual(hex('81ce0002 00000001 00000002'));
    expect(transportWide(1, 2, hex('11111111 22222222'))).toEqual(hex('8fcd0004 00000001 00000002 11111111 22222222'));
  });
});
