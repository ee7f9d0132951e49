import { expect, it } from 'vitest';
import { isEntryPoint } from '../../../test/support/rtp-parts.js';

it.each<[string, string, string, boolean]>([
  ['a sequence parameter set', 'H264', '6742', true],
  ['a picture parameter set', 'H264', '68ce', true],
  ['an IDR slice', 'H264', '6588', true],
  ['another slice', 'H264', '419a', false],
  ['a delimiter', 'H264', '09f0', false],
  ['an SEI message', 'H264', '0605', false],
  ['an aggregate with a delimiter and a parameter set', 'H264', '78 0002 09f0 0002 6742', true],
  ['an aggregate of slices', 'H264', '78 0002 419a 0002 419b', false],
  ['an aggregate that is cut off', 'H264', '78 0009 41 00', false],
  ['the first fragment of an IDR slice', 'H264', '7c85 88', true],
  ['a later fragment of one', 'H264', '7c05 88', false],
  ['a fragment that is cut off', 'H264', '7c', false],
  ['a key frame of VP8', 'VP8', '10 00', true],
  ['another frame of VP8', 'VP8', '10 01', false],
  ['a key frame of VP9', 'VP9', '08', true],
  ['another frame of VP9', 'VP9', '48', false],
  ['what continues a frame of VP8', 'VP8', '00 00', false],
  ['the second partition of VP8', 'VP8', '11 00', false],
  ['a key frame of VP8 with a short picture id', 'VP8', '90 80 05 00', true],
  ['one with a long picture id', 'VP8', '90 80 81 05 00', true],
  ['one with all that the descriptor can bear', 'VP8', '90 e0 81 05 07 40 00', true],
  ['no key frame of VP8, with all of it', 'VP8', '90 f0 81 05 07 40 01', false],
  ['a descriptor of VP8 that is cut off', 'VP8', '90 80', false],
  ['what continues a frame of VP9', 'VP9', '00', false],
  ['a key frame of VP9 in its lowest layer', 'VP9', 'a8 81 05 00 00', true],
  ['the second layer of one', 'VP9', 'a8 05 02 00', false],
  ['a descriptor of VP9 that is cut off', 'VP9', 'a8 81', false],
  ['a new sequence of AV1', 'AV1', '18 0a', true],
  ['another unit of AV1', 'AV1', '10 32', false],
  ['sound', 'OPUS', 'fc 00', false],
  ...['H264', 'VP8', 'VP9', 'AV1', 'OPUS'].map((codec): [string, string, string, boolean] => [
    'a probe without payload',
    codec,
    '',
    false,
  ]),
])('decoding can begin with %s (%s %s): %s', (_, codec, hex, expected) => {
  expect(isEntryPoint(codec, Buffer.from(hex.replaceAll(' ', ''), 'hex'))).toBe(expected);
});
