import { describe, expect, it } from 'vitest';
import { AmfError, type AmfValue, decodeAmf, encodeAmf, encodeEcmaArray } from './amf0.js';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('AMF0', () => {
  it.each<[string, AmfValue, string]>([
    ['a number', 1, '00 3ff0000000000000'],
    ['a negative fraction', -1.5, '00 bff8000000000000'],
    ['true', true, '01 01'],
    ['false', false, '01 00'],
    ['a string', 'live', '02 0004 6c697665'],
    ['an empty string', '', '02 0000'],
    ['text beyond ASCII', 'ä€', '02 0005 c3a4e282ac'],
    ['null', null, '05'],
    ['undefined', undefined, '06'],
    ['an object', { a: 1, b: 'x' }, '03 0001 61 003ff0000000000000 0001 62 02000178 000009'],
    ['an empty object', {}, '03 000009'],
  ])('writes and reads %s', (_, value, bytes) => {
    expect(encodeAmf(value)).toEqual(hex(bytes));
    expect(decodeAmf(hex(bytes))).toEqual([value]);
  });

  it.each<[string, string, AmfValue]>([
    ['an ECMA array, whatever its count says', '08 ffffffff 0001 61 0101 000009', { a: true }],
    ['a strict array', '0a 00000002 0101 05', [true, null]],
    ['a date', '0b 3ff0000000000000 0000', 1],
    ['a long string', '0c 00000002 6869', 'hi'],
    ['what the server cannot serialise', '0d', undefined],
    ['XML', '0f 00000002 6869', 'hi'],
    ['an object of a class', '10 0003 466f6f 0001 61 0100 000009', { a: false }],
  ])('reads %s', (_, bytes, value) => expect(decodeAmf(hex(bytes))).toEqual([value]));

  it('reads back a whole command, and strings of more than 64 KiB', () => {
    const values = [
      'connect',
      1,
      { app: 'live', deep: { deeper: { text: '😀' } } },
      null,
      undefined,
      'x'.repeat(70_000),
    ];
    expect(decodeAmf(encodeAmf(...values))).toEqual(values);
    expect(encodeEcmaArray({ width: 1280 })).toEqual(hex('08 00000001 0005 7769647468 004094000000000000 000009'));
  });

  it.each([
    ['a truncated number', '00 0102'],
    ['a string that ends too early', '02 0009 41'],
    ['a long string that ends too early', '0c ffffffff 41'],
    ['an object without end', '03 0001 61 05'],
    ['an unknown marker', '63'],
    ['a switch to AMF3', '11 0a'],
    ['a list that lies about its length', '0a ffffffff 05'],
    ['objects without end inside each other', '03000161'.repeat(1000)],
    ['lists without end inside each other', '0a00000001'.repeat(100_000)],
  ])('refuses %s', (_, bytes) => expect(() => decodeAmf(hex(bytes))).toThrow(AmfError));

  it('refuses every truncation of a command cleanly', () => {
    const whole = encodeAmf('onStatus', 0, null, { level: 'error', code: 'x', deep: { a: 1 } });
    for (let length = 1; length < whole.length; length += 1) {
      let error: unknown = null;
      try {
        decodeAmf(whole.subarray(0, length));
      } catch (caught) {
        error = caught;
      }
      // Cut between two values it is a shorter list of values.
      expect(error === null || error instanceof AmfError).toBe(true);
    }
  });

  it('does not let a server set prototypes', () => {
    const [value] = decodeAmf(
      Buffer.concat([hex('03 0009'), Buffer.from('__proto__'), encodeAmf({ polluted: true }), hex('000009')]),
    ) as [Record<string, unknown>];
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    expect(Object.keys(value)).toEqual(['__proto__']);
  });
});
