import { describe, expect, it } from 'vitest';
import { covers, formatPosition, isBehind, join, parsePosition, upTo, type Position } from './position.js';

const at = (text: string): Position => parsePosition(text) as Position;

describe('a position in the event feed', () => {
  it('is read and written', () => {
    expect(at('12')).toEqual({ last: 12n, missing: [] });
    expect(at('12-7.9')).toEqual({ last: 12n, missing: [7n, 9n] });
    for (const text of ['0', '12', '12-9', '12-7.9']) expect(formatPosition(at(text))).toBe(text);
  });

  it.each([
    undefined,
    '',
    'x',
    '-1',
    '12-',
    '12-9.',
    '1234567890123456789',
    `5-${Array.from({ length: 101 }, (_, i) => i).join('.')}`,
  ])('%s is none', (text) => expect(parsePosition(text)).toBeUndefined());

  it('names a hundred that are missing, the newest', () => {
    const missing = Array.from({ length: 150 }, (_, i) => BigInt(i + 1));
    expect(at(formatPosition({ last: 300n, missing })).missing).toEqual(missing.slice(50));
  });

  it.each([
    ['12-9', 12, true],
    ['12-9', 9, false],
    ['12-9', 13, false],
    ['0', 1, false],
  ])('%s covers %i: %s', (text, id, is) => expect(covers(at(text), BigInt(id))).toBe(is));

  it.each([
    ['12-9', '10', '12'],
    ['10', '12-11', '12-11'],
    ['12-7.9', '11-7.8', '12-7'],
    ['12-3', '12-3', '12-3'],
    ['5', '5', '5'],
  ])('%s joined with %s is %s', (a, b, both) => {
    expect(formatPosition(join(at(a), at(b)))).toBe(both);
    expect(formatPosition(join(at(b), at(a)))).toBe(both);
  });

  it.each([
    ['12', '12', true],
    ['12-9', '14-9', true],
    ['12-9', '14-9.13', true],
    ['12', '14-9', false],
    ['15', '14', false],
    ['0', '14-9', true],
  ])('%s is behind %s: %s', (text, now, is) => {
    expect(isBehind(at(text), at(now))).toBe(is);
    if (is) expect(formatPosition(join(at(text), at(now)))).toBe(now);
  });

  it('on the way there', () => expect(formatPosition(upTo(at('12-7.9'), 8n))).toBe('8-7'));
});
