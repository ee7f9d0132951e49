import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Malformed } from '../bitstream.js';
import { ppsOf, type SpsShape, spsOf, ue } from '../../../../../../test/support/h264.js';
import { decoderConfigurationRecord, parsePps, parseSliceStart, parseSps } from './parameter-sets.js';

/** x264enc's, and the codec_data that GStreamer 1.22's h264parse makes of them: all but what ISO/IEC 14496-15 wants at the end for high profiles. */
const REAL: [name: string, width: number, height: number, codecData: string, tail: string][] = [
  [
    'Baseline, cropped from 1088 rows',
    1920,
    1080,
    '0142c028ffe1001c6742c028da01e0089f97016a02020280000003008000001e478c195001000468ce3c80',
    '',
  ],
  ['Baseline', 640, 360, '0142c01effe1001c6742c01eda0280bfe5c05a8303035280000003008000001e478b175001000468ce3c80', ''],
  [
    'Baseline, cropped on the right',
    854,
    480,
    '0142c01fffe1001c6742c01fda0360f79bc05a8303035280000003008000001e478c195001000468ce3c80',
    '',
  ],
  [
    'High',
    270,
    480,
    '01640015ffe1001d67640015acb40887bd780b5060606a50000003001000000303c8f162ea01000468ce3cb0',
    'fdf8f800',
  ],
  [
    'High, interlaced',
    1920,
    1080,
    '01640028ffe1001e67640028acb403c0113f2e02d40404050000030001000003003c8f1832a001000468ce3cb0',
    'fdf8f800',
  ],
  [
    'High, with scaling lists in the picture parameter set',
    854,
    480,
    '0164001fffe1001e6764001facb406c1ef3780b5060606a50000030001000003003c8f1832a001000568ce3cc030',
    'fdf8f800',
  ],
  [
    'High 10',
    854,
    480,
    '016e001fffe1001e676e001fa6cb406c1ef3780b5060606a50000003001000000303c8f1832a01000468ce3c80',
    'fdfafa00',
  ],
  [
    'High 4:2:2',
    270,
    480,
    '017a0015ffe1001d677a0015bcb40887bd780b50606064000003000400000300f23c58ba8001000468ce3c80',
    'fef8f800',
  ],
  [
    'High 4:4:4, odd',
    271,
    481,
    '01f40015ffe1001d67f4001591968110ffa843016a0c0c0c80000003008000001e478b175001000468ce3192',
    'fff8f800',
  ],
];

function setsOf(codecData: string): { sps: Buffer; pps: Buffer } {
  const data = Buffer.from(codecData, 'hex');
  const end = 8 + data.readUInt16BE(6);
  return { sps: data.subarray(8, end), pps: data.subarray(end + 3) };
}

/** Chroma format, depths, no bypass. */
const format = (chroma: number, lists = '0', separate = '0'): string =>
  ue(chroma) + (chroma === 3 ? separate : '') + ue(0) + ue(0) + '0' + lists;
/** se(v): 0, 1, -1... are the codes 0, 1, 2... */
const FLAT_LIST_16 = `1${ue(15)}${ue(0).repeat(15)}`;
const ENDS_AT_ONCE = `1${ue(16)}`;

describe('parseSps', () => {
  it.each(REAL)('reads what x264 writes: %s, %dx%d', (_, width, height, codecData) => {
    const { sps } = setsOf(codecData);
    expect(parseSps(sps)).toMatchObject({ id: 0, profile: sps[1], constraints: sps[2], level: sps[3], width, height });
  });

  it.each<[string, SpsShape, number, number]>([
    ['no cropping', {}, 320, 240],
    ['cropping on all sides, in pairs of pixels', { crop: [1, 2, 3, 4] }, 314, 226],
    ['fields, whose rows count twice', { interlaced: true, crop: [0, 0, 0, 1] }, 320, 476],
    ['4:2:2', { profile: 122, format: format(2), crop: [1, 0, 1, 0] }, 318, 239],
    ['4:4:4', { profile: 244, format: format(3), crop: [1, 0, 1, 0] }, 319, 239],
    ['4:4:4 with separate planes', { profile: 244, format: format(3, '0', '1'), crop: [1, 0, 1, 0] }, 319, 239],
    ['monochrome', { profile: 100, format: format(0), crop: [1, 0, 1, 0] }, 319, 239],
    ['scaling lists', { profile: 100, format: format(1, `1${FLAT_LIST_16}${ENDS_AT_ONCE}${'0'.repeat(6)}`) }, 320, 240],
    ['twelve scaling lists', { profile: 244, format: format(3, `1${'0'.repeat(11)}${ENDS_AT_ONCE}`) }, 320, 240],
    ['the second kind of picture order', { order: ue(1) + '0' + ue(3) + ue(4) + ue(2) + ue(7) + ue(8) }, 320, 240],
    ['the third', { order: ue(2) }, 320, 240],
    ['the highest id', { id: 31 }, 320, 240],
    ['the widest', { columns: 1055, rows: 132 }, 16_880, 2112],
  ])('takes account of %s', (_, shape, width, height) => {
    expect(parseSps(spsOf(shape))).toMatchObject({ id: shape.id ?? 0, width, height });
  });

  it.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['a header', Buffer.from([0x67])],
    ['an end in the middle', spsOf({}).subarray(0, 6)],
    ['cropping that leaves nothing', spsOf({ crop: [80, 80, 0, 0] })],
    ['cropping beyond all numbers', spsOf({ crop: [0, 0, 2 ** 31, 2 ** 31] })],
    ['an id too high', spsOf({ id: 32 })],
    ['frames wider than any level allows', spsOf({ columns: 1056 })],
    ['a code without an end', Buffer.concat([Buffer.from([0x67, 66, 0, 30]), Buffer.alloc(20)])],
    ['more bits than there are', spsOf({ profile: 100, format: ue(1) + ue(7) })],
  ])('makes nothing of %s', (_, nal) => {
    expect(parseSps(nal)).toBeNull();
  });

  it('makes whole numbers or nothing of anything', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...REAL),
        fc.array(fc.tuple(fc.nat(40), fc.nat(255)), { maxLength: 4 }),
        fc.nat(40),
        ([, , , codecData], changes, length) => {
          const sps = Buffer.from(setsOf(codecData).sps.subarray(0, length));
          for (const [at, value] of changes) if (at < sps.length) sps[at] = value;
          for (const value of Object.values({ ...parseSps(sps), order: 0 }))
            expect(Number.isInteger(value) && value >= 0 && value < 40_000).toBe(true);
        },
      ),
    );
  });
});

describe('parsePps and parseSliceStart', () => {
  it('read their ids', () => {
    expect(parsePps(ppsOf(255, 31))).toEqual({ id: 255, spsId: 31, hasBottomOrder: false, hasRedundant: false });
    expect(parsePps(ppsOf(256, 0))).toBeNull();
    expect(parsePps(ppsOf(0, 32))).toBeNull();
    expect(parsePps(Buffer.from([0x68]))).toBeNull();
    expect(parseSliceStart(Buffer.from('8884', 'hex'))).toEqual({ firstMacroblock: 0, ppsId: 0 });
    expect(() => parseSliceStart(Buffer.alloc(8))).toThrow(Malformed);
  });
});

describe('decoderConfigurationRecord', () => {
  it.each(REAL)(
    'is what GStreamer makes, and the end for high profiles: %s',
    (_name, _width, _height, codecData, tail) => {
      const { sps, pps } = setsOf(codecData);
      expect(decoderConfigurationRecord([sps], [pps]).toString('hex')).toBe(codecData + tail);
    },
  );

  it('holds several sets', () => {
    const pps = [ppsOf(0, 0), ppsOf(1, 1)];
    const record = decoderConfigurationRecord([spsOf({}), spsOf({ id: 1 })], pps);
    expect(record[5]).toBe(0xe2);
    // Behind the count, each has its length in two bytes.
    expect(record.at(-1 - pps.reduce((bytes, { length }) => bytes + 2 + length, 0))).toBe(2);
  });
});
