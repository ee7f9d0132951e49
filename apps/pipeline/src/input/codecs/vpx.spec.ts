import { describe, expect, it } from 'vitest';
import { beginsVp8Keyframe, beginsVp9Keyframe } from './vpx.js';

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');

describe('a VP8 packet', () => {
  it.each([
    ['10 00', true, 'begins a key frame'],
    ['10 01', false, 'begins another frame'],
    ['00 00', false, 'continues a frame'],
    ['11 00', false, 'begins its second partition'],
    ['90 80 05 00', true, 'begins one, with a short picture id'],
    ['90 80 81 05 00', true, 'with a long one'],
    ['90 e0 81 05 07 40 00', true, 'with all that the descriptor can bear'],
    ['90 f0 81 05 07 40 01', false, 'with all of it, and no key frame'],
    ['90 80', false, 'is cut off'],
    ['', false, 'is empty'],
  ])('%s: %s (%s)', (hex, expected) => {
    expect(beginsVp8Keyframe(bytes(hex))).toBe(expected);
  });
});

describe('a VP9 packet', () => {
  it.each([
    ['08', true, 'begins a key frame'],
    ['48', false, 'begins a predicted frame'],
    ['00', false, 'continues a frame'],
    ['a8 81 05 00 00', true, 'begins one, in its lowest layer'],
    ['a8 05 02 00', false, 'begins the second layer of one'],
    ['a8 81', false, 'is cut off'],
    ['', false, 'is empty'],
  ])('%s: %s (%s)', (hex, expected) => {
    expect(beginsVp9Keyframe(bytes(hex))).toBe(expected);
  });
});
