import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maskSecrets } from './mask.js';

const mask = (text: string, ...secrets: string[]): string => maskSecrets(text, secrets, 200);
const escaped = (text: string, write: (code: string) => string): string =>
  text.replace(/./gs, (letter) => write(letter.charCodeAt(0).toString(16).padStart(2, '0')));

/** Ways in which a server may write what it was given. */
const WAYS: Record<string, (text: string) => string> = {
  plain: (text) => text,
  capitals: (text) => text.toUpperCase(),
  'small letters': (text) => text.toLowerCase(),
  component: encodeURIComponent,
  twice: (text) => encodeURIComponent(encodeURIComponent(text)),
  'thrice, small': (text) => encodeURIComponent(encodeURIComponent(encodeURIComponent(text))).toLowerCase(),
  'every letter': (text) => escaped(text, (code) => `%${code}`),
  JSON: (text) => JSON.stringify(text),
  'JSON escapes': (text) => escaped(text, (code) => `\\u${code.padStart(4, '0')}`),
  'JSON slashes': (text) => text.replaceAll('/', '\\/'),
  hexadecimal: (text) => escaped(text, (code) => `\\x${code}`),
  HTML: (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;'),
  'HTML numbers': (text) => escaped(text, (code) => `&#x${code};`),
  base64: (text) => Buffer.from(text).toString('base64'),
  base64url: (text) => Buffer.from(text).toString('base64url'),
  'base64 after one byte': (text) => Buffer.from(`x${text}y`).toString('base64'),
  'base64 after two bytes': (text) => Buffer.from(`xy${text}z`).toString('base64'),
  'base64url after two bytes': (text) => Buffer.from(`xy${text}z`).toString('base64url'),
  hex: (text) => Buffer.from(text).toString('hex'),
  'hidden by control characters': (text) => text.split('').join('\u200b'),
};
/** Letters that stand for themselves nowhere else in the sentences below. */
const secrets = fc
  .string({ unit: fc.constantFrom(...'QqXxZzJjVv0123456789/?&=+<"%_-.'.split('')), minLength: 8, maxLength: 60 })
  .filter((text) => !/%[0-9a-f]{2}|^[^a-z]*$/i.test(text));

/** Every part of eight letters that is left. */
const leaks = (shown: string, secret: string): string[] => {
  const text = shown.toLowerCase();
  return Array.from({ length: Math.max(0, secret.length - 7) }, (_, i) => secret.slice(i, i + 8).toLowerCase()).filter(
    (part) => text.includes(part),
  );
};

describe('maskSecrets', () => {
  it.each(Object.entries(WAYS))('of a secret that is written in this way leaves nothing: %s', (_, write) => {
    fc.assert(
      fc.property(secrets, fc.nat(40), (secret, before) => {
        const shown = mask(`${'a'.repeat(before)} the name ${write(secret)} is unknown`, secret);
        expect(shown).toContain('***');
        expect(leaks(shown, write(secret))).toEqual([]);
        expect(shown.startsWith('a'.repeat(before))).toBe(true);
        expect(shown.endsWith(' is unknown')).toBe(true);
      }),
    );
  });

  it('nor of a part of it, in any of these ways', () => {
    fc.assert(
      fc.property(
        secrets,
        fc.nat(50),
        fc.nat(50),
        fc.constantFrom(...Object.keys(WAYS).filter((way) => !/base64|hex$/.test(way))),
        (secret, a, b, way) => {
          const part = secret.slice(Math.min(a, b), Math.max(a, b));
          const shown = mask(`bad: ${(WAYS[way] as (text: string) => string)(part)}`, secret);
          expect(leaks(shown, part)).toEqual([]);
        },
      ),
    );
  });

  it.each([
    ['key abc', ['abc'], 'key ***'],
    ['key ABC', ['abc'], 'key ***'],
    ['caf%C3%A9 or CAFÉ', ['café'], '*** or ***'],
    ['a+b, a b, a%20b', ['a+b'], '***, ***, ***'],
    ['nothing of it', ['another-key'], 'nothing of it'],
    ['', ['x'], ''],
    ['x', [''], 'x'],
    ['100% of %zz', ['key'], '100% of %zz'],
    ['\\ud83d\\ude00', ['😀'], '***'],
  ])('of %j without %j is %j', (text, hidden, shown) => expect(mask(text, ...hidden)).toBe(shown));

  it('takes anything, is short and well formed', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 500 }),
        fc.array(fc.string({ unit: 'binary' })),
        (text, hidden) => {
          const shown = mask(text, ...hidden);
          expect(shown.length).toBeLessThanOrEqual(200);
          expect(shown.isWellFormed()).toBe(true);
          expect(/[\p{Cc}]/u.test(shown)).toBe(false);
        },
      ),
    );
    expect(mask('x'.repeat(100_000), 'secret-key')).toHaveLength(200);
  });

  it('costs little, whatever is said and kept secret', () => {
    const began = performance.now();
    mask('%2525'.repeat(20_000), 'k'.repeat(2000), '%25'.repeat(600));
    expect(performance.now() - began).toBeLessThan(200);
  });
});
