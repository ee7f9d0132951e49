import { expect, it } from 'vitest';
import { aacFrame, aacSequenceHeader, avcFrame, avcSequenceHeader } from './flv.js';

// Expected bytes after the FLV specification 10.1, annexes E.4.2.1, E.4.3.1 and E.4.3.2.
it.each([
  ['AAC sequence header', aacSequenceHeader(Buffer.from([0x11, 0x90])), 'af001190'],
  ['AAC frame', aacFrame(Buffer.from([0x21, 0x10])), 'af012110'],
  ['AVC sequence header', avcSequenceHeader(Buffer.from([1, 0x42])), '17000000000142'],
  ['AVC key frame', avcFrame(Buffer.from([9]), true, 40), '170100002809'],
  ['AVC frame between', avcFrame(Buffer.from([9]), false, 0), '270100000009'],
  ['AVC frame shown before it is decoded', avcFrame(Buffer.from([9]), false, -2), '2701fffffe09'],
  ['AVC frame with the longest delay', avcFrame(Buffer.from([9]), false, 0x7fffff), '27017fffff09'],
])('%s', (_, body, expected) => expect(body.toString('hex')).toBe(expected));

it('leaves the data as it was', () => {
  const data = Buffer.from([1, 2, 3]);
  avcFrame(data, true, 0)[5] = 99;
  expect([...data]).toEqual([1, 2, 3]);
});
