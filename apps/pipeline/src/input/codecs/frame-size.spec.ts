import { expect, it } from 'vitest';
import { av1Size, requireSize, type Size, vp8Size, vp9Size } from './frame-size.js';
import { canvasOf } from '../media-chain.js';

/** Fields of so many bits, as bytes. */
const bits = (...fields: [number, number][]): Buffer => {
  const text = fields.map(([value, count]) => value.toString(2).padStart(count, '0')).join('');
  return Buffer.from(text.match(/.{1,8}/g)?.map((byte) => parseInt(byte.padEnd(8, '0'), 2)) ?? []);
};
const SYNC: [number, number] = [0x498342, 24];

it.each<[string, Buffer, Size | null]>([
  ['key frame', Buffer.from('0000009d012a80026801', 'hex'), { width: 640, height: 360 }],
  [
    'key frame that asks to be scaled up',
    Buffer.from('0000009d012a8042 6881'.replace(' ', ''), 'hex'),
    { width: 640, height: 360 },
  ],
  ['key frame as large as it goes', Buffer.from('0000009d012affffffff', 'hex'), { width: 16_383, height: 16_383 }],
  ['other frame', Buffer.from('0100009d012a80026801', 'hex'), null],
  ['frame without start code', Buffer.from('000000aaaaaa80026801', 'hex'), null],
  ['frame that is cut off', Buffer.from('0000009d012a8002', 'hex'), null],
])('of VP8: a %s', (_, frame, size) => {
  expect(vp8Size(frame)).toEqual(size);
});

it.each<[string, Buffer, Size | null]>([
  [
    'key frame',
    bits([2, 2], [0, 2], [0, 1], [0, 1], [1, 1], [0, 1], SYNC, [0, 4], [639, 16], [359, 16]),
    { width: 640, height: 360 },
  ],
  [
    'key frame of profile 1 (4:4:4)',
    bits([2, 2], [2, 2], [0, 1], [0, 1], [1, 1], [0, 1], SYNC, [0, 7], [639, 16], [359, 16]),
    { width: 640, height: 360 },
  ],
  [
    'key frame of profile 2 (10 bits)',
    bits([2, 2], [1, 2], [0, 1], [0, 1], [1, 1], [0, 1], SYNC, [0, 5], [639, 16], [359, 16]),
    { width: 640, height: 360 },
  ],
  [
    'key frame of profile 3, in RGB',
    bits([2, 2], [3, 2], [0, 1], [0, 1], [0, 1], [1, 1], [0, 1], SYNC, [0, 1], [7, 3], [0, 1], [639, 16], [359, 16]),
    { width: 640, height: 360 },
  ],
  [
    'intra frame that is not shown',
    bits([2, 2], [0, 2], [0, 1], [1, 1], [0, 1], [0, 1], [1, 1], [0, 2], SYNC, [0, 8], [8191, 16], [8191, 16]),
    { width: 8192, height: 8192 },
  ],
  [
    'predicted frame with a size of its own',
    bits([2, 2], [0, 2], [0, 1], [1, 1], [1, 1], [0, 1], [0, 2], [0, 20], [0, 3], [8191, 16], [99, 16]),
    { width: 8192, height: 100 },
  ],
  [
    'predicted frame with the size of another',
    bits([2, 2], [0, 2], [0, 1], [1, 1], [1, 1], [0, 1], [0, 2], [0, 20], [1, 1], [0, 32]),
    null,
  ],
  ['frame that shows another', bits([2, 2], [0, 2], [1, 1], [0, 64]), null],
  ['frame that is cut off', bits([2, 2], [0, 2], [0, 1], [0, 1], [1, 1], [0, 1], SYNC, [0, 4], [639, 16]), null],
  ['frame that is none', Buffer.alloc(20), null],
])('of VP9: a %s', (_, frame, size) => {
  expect(vp9Size(frame)).toEqual(size);
});

const AV1_END: [number, number][] = [
  [10, 4],
  [9, 4],
  [1919, 11],
  [1079, 10],
];
it.each<[string, Buffer, Size | null]>([
  [
    'in the usual form',
    bits([0, 4], [0, 1], [0, 1], [0, 1], [0, 5], [0, 12], [8, 5], [0, 1], [10, 4], [10, 4], [1919, 11], [1079, 11]),
    { width: 1920, height: 1080 },
  ],
  [
    'of a still picture',
    bits([0, 4], [1, 1], [8, 5], [10, 4], [10, 4], [1919, 11], [1079, 11]),
    { width: 1920, height: 1080 },
  ],
  [
    'with timing, a decoder model and two operating points',
    bits(
      [0, 4],
      [0, 1],
      [1, 1],
      [1, 32],
      [60, 32],
      [1, 1],
      [1, 1],
      [1, 1],
      [9, 5],
      [1, 32],
      [0, 10],
      [1, 1],
      [1, 5],
      [0, 12],
      [9, 5],
      [0, 1],
      [1, 1],
      [0, 21],
      [1, 1],
      [3, 4],
      [0, 12],
      [4, 5],
      [0, 1],
      [0, 1],
      [10, 4],
      [10, 4],
      [1919, 11],
      [1079, 11],
    ),
    { width: 1920, height: 1080 },
  ],
  [
    'as large as it goes',
    bits([0, 4], [1, 1], [8, 5], [15, 4], [15, 4], [65_535, 16], [65_535, 16]),
    { width: 65_536, height: 65_536 },
  ],
  ['that is cut off', bits([0, 4], [0, 1], ...AV1_END), null],
])('of AV1: a sequence header %s', (_, header, size) => {
  expect(av1Size(header)).toEqual(size);
});

it.each<[Size, number, boolean]>([
  [{ width: 1920, height: 1080 }, 8160 * 16, true],
  [{ width: 3840, height: 2160 }, 32_400 * 5, true],
  [{ width: 4096, height: 2304 }, 0, true],
  [{ width: 2160, height: 3840 }, 0, true],
  [{ width: 4096, height: 2306 }, 0, false],
  [{ width: 8192, height: 8192 }, 0, false],
  [{ width: 9000, height: 16 }, 0, false],
  [{ width: 3840, height: 2160 }, 32_400 * 16, false],
])('%o with %i macroblocks kept: %s', (size, kept, isTaken) => {
  if (isTaken) expect(() => requireSize(size, kept)).not.toThrow();
  else expect(() => requireSize(size, kept)).toThrow(`${size.width} x ${size.height}`);
});

it.each<[Size, Size]>([
  [
    { width: 640, height: 360 },
    { width: 640, height: 360 },
  ],
  [
    { width: 641, height: 361 },
    { width: 642, height: 362 },
  ],
  [
    { width: 3840, height: 2160 },
    { width: 1920, height: 1080 },
  ],
  [
    { width: 2160, height: 3840 },
    { width: 1080, height: 1920 },
  ],
  [
    { width: 4000, height: 100 },
    { width: 1920, height: 48 },
  ],
  [
    { width: 8192, height: 1 },
    { width: 1920, height: 16 },
  ],
])('frames of %o are encoded in %o', (first, canvas) => {
  expect(canvasOf(first)).toEqual(canvas);
});
