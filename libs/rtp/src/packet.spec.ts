import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { extensionNumber, extensionText, parseRtp } from '../../../test/support/rtp-parts.js';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const FIXED = '0123 456789ab cdef0123';

describe('parseRtp', () => {
  it.each([
    ['a plain packet', `80 60 ${FIXED} aabb`, { marker: false, payloadType: 96, payload: 'aabb' }],
    ['a marked one', `80 ef ${FIXED} aabb`, { marker: true, payloadType: 111, payload: 'aabb' }],
    [
      'contributing sources',
      `82 60 ${FIXED} 11111111 22222222 aabb`,
      { marker: false, payloadType: 96, payload: 'aabb' },
    ],
    ['an extension', `90 60 ${FIXED} bede0001 10aa0000 aabb`, { marker: false, payloadType: 96, payload: 'aabb' }],
    [
      'an extension of an unknown form',
      `90 60 ${FIXED} 12340001 10aa0000 aabb`,
      { marker: false, payloadType: 96, payload: 'aabb' },
    ],
    ['padding', `a0 60 ${FIXED} aabb 000003`, { marker: false, payloadType: 96, payload: 'aabb' }],
    ['nothing but padding', `a0 60 ${FIXED} 000003`, { marker: false, payloadType: 96, payload: '' }],
    ['everything', `b1 e0 ${FIXED} 11111111 10000000 aabb 0002`, { marker: true, payloadType: 96, payload: 'aabb' }],
  ])('reads %s', (_, packet, { payload, ...fields }) => {
    const bytes = hex(packet);
    const header = parseRtp(bytes);
    expect(header).toMatchObject({ ...fields, sequence: 0x0123, timestamp: 0x456789ab, ssrc: 0xcdef0123 });
    expect(bytes.toString('hex', header?.payloadStart, header?.payloadEnd)).toBe(payload);
  });

  it.each([
    ['nothing', ''],
    ['less than a header', `80 60 ${FIXED}`.slice(0, -2)],
    ['another version', `40 60 ${FIXED}`],
    ['fewer sources than announced', `81 60 ${FIXED} 1111`],
    ['less than an extension', `90 60 ${FIXED} bede`],
    ['an extension beyond the end', `90 60 ${FIXED} bede0002 10aa0000`],
    ['more padding than packet', `a0 60 ${FIXED} 03`],
  ])('leaves out %s', (_, packet) => {
    expect(parseRtp(hex(packet))).toBeNull();
  });

  it.each<[string, string, Record<number, string | null>]>([
    ['one-byte elements', 'bede0003 1161 62 3212 3456 20 6300 0000', { 1: 'ab', 3: '\u00124V', 2: 'c', 4: null }],
    ['one-byte elements, padding between', 'bede0002 1061 0000 0020 6200', { 1: 'a', 2: 'b' }],
    ['a one-byte element that ends all', 'bede0002 f061 2062 0000 0000', { 2: null, 15: null }],
    ['a one-byte element that is cut off', 'bede0001 1f61 6263', { 1: null }],
    ['two-byte elements', '10000003 0102 6162 0300 0020 0163 0000', { 1: 'ab', 3: '', 32: 'c' }],
    ['two-byte elements with the bits of the application', '100f0001 0102 6162', { 1: 'ab', 2: null }],
    ['a two-byte element that is cut off', '10000001 0103 6162', { 1: null }],
    ['no form we know', 'abcd0001 1061 0000', { 1: null }],
  ])('finds %s', (_, extension, elements) => {
    const bytes = hex(`90 60 ${FIXED} ${extension} 10ff`);
    expect(parseRtp(bytes)).not.toBeNull();
    for (const [id, text] of Object.entries(elements)) expect(extensionText(bytes, Number(id)), `id ${id}`).toBe(text);
  });

  it('reads numbers of two bytes', () => {
    for (const extension of ['bede0001 3112 3400', '10000001 0302 1234']) {
      const bytes = hex(`90 60 ${FIXED} ${extension}`);
      expect(parseRtp(bytes)).not.toBeNull();
      expect([extensionNumber(bytes, 3), extensionNumber(bytes, 4)]).toEqual([0x1234, null]);
    }
    const short = hex(`90 60 ${FIXED} bede0001 3012 0000`);
    expect(parseRtp(short)).not.toBeNull();
    expect(extensionNumber(short, 3)).toBeNull();
  });

  it('reads whatever comes', () => {
    const anything = fc.tuple(
      fc.constantFrom('80', '90', 'b0', '9f', 'bf'),
      fc.constantFrom('', 'bede', '1000'),
      fc.uint8Array({ maxLength: 80 }),
    );
    fc.assert(
      fc.property(anything, ([first, form, rest]) => {
        const bytes = Buffer.concat([hex(`${first} 60 ${FIXED} ${form}`), rest]);
        const header = parseRtp(bytes);
        if (header === null) return;
        expect(header.payloadStart).toBeLessThanOrEqual(header.payloadEnd);
        expect(header.payloadEnd).toBeLessThanOrEqual(bytes.length);
        for (let id = 0; id < 256; id += 1) {
          extensionNumber(bytes, id);
          extensionText(bytes, id);
        }
      }),
    );
  });
});
