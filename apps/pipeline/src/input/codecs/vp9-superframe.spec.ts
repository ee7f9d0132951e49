import { describe, expect, it } from 'vitest';
import { framesOf, withIndex } from './vp9-superframe.js';

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');

describe('the frames of a VP9 buffer', () => {
  it.each<[string, string, string[]]>([
    ['without an index: one', '82 01 02', ['820102']],
    ['of two, sizes of one byte', '82 01 86 c1 02 01 c1', ['8201', '86']],
    ['of two, sizes of two bytes', '82 01 86 c9 0200 0100 c9', ['8201', '86']],
    ['of one, size of four bytes', '82 01 d8 02000000 d8', ['8201']],
    ['of one that leaves a rest', '82 01 99 c0 02 c0', ['8201']],
    ['of which one is empty', '82 01 c1 00 02 c1', ['8201']],
    ['whose last byte only looks like a marker', '82 01 02 c1', ['820102c1']],
    ['that is shorter than the index would be', 'c7', ['c7']],
    ['that is empty', '', []],
  ])('%s', (_, data, frames) => {
    expect(framesOf(bytes(data))?.map((frame) => frame.toString('hex'))).toEqual(frames);
  });

  it('are none where the index tells of more than there is', () => {
    expect(framesOf(bytes('82 01 c1 02 02 c1'))).toBeNull();
  });

  it.each([[1], [2], [8]])('come back from an index of %i', (count) => {
    const frames = Array.from({ length: count }, (_, i) => Buffer.alloc(1 + 300 * i, 0x82));
    expect(framesOf(Buffer.concat(withIndex(frames)))).toEqual(frames);
    expect(withIndex(frames).at(-1)?.length).toBe(2 + count * (count === 1 ? 1 : 2));
  });
});
