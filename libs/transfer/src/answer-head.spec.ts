import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { redactAnswer } from './answer-head.js';

describe('redactAnswer', () => {
  it('masks every RTMP URL, escaped ones too', () => {
    const text = redactAnswer(
      '{"transferUrls":["rtmp://a/live/KEY","rtmps:\\/\\/b\\/app\\/KEY"],"note":"x rtmp://c/KEY y"}',
      1000,
    );
    expect(text).not.toContain('KEY');
    expect(text).toContain('rtmp://a/live/***');
  });

  it.each([
    ['with an apostrophe', "rtmp://a/live/x'KEY"],
    ['with angle brackets', 'rtmp://a/live/x<KEY>KEY'],
    ['with a quote', 'rtmp://a/live/x"KEY'],
    ['with a backslash', 'rtmp://a/live/x\\KEY'],
    ['with credentials', 'rtmp://KEY:KEY@a/live/KEY'],
    ['in capitals', 'RTMPS://a/live/KEY'],
    ['that is not usable', 'rtmp://a:KEY/KEY'],
    ["in the application's place", 'rtmp://a/KEY?bandwidthtest=true'],
    ["in the application's place, with more behind it", 'rtmp://a/KEY/live/x'],
    ["in the application's place, before a query", 'rtmp://a/KEY?a=1/b'],
  ])('masks a key in a URL %s', (_, url) => {
    const body = JSON.stringify({ transferUrls: [url, { url }] });
    for (const text of [body, body.replaceAll('/', '\\/'), body.replaceAll('/', '\\u002F')]) {
      expect(redactAnswer(text, 1000)).not.toContain('KEY');
      for (let length = 1; length < text.length; length += 1)
        expect(redactAnswer(text.slice(0, length), 1000)).not.toContain('KEY');
    }
  });

  it('masks URLs whose characters are escaped, in JSON and in what is none', () => {
    for (const url of ['rtmp\\u003a//a/live/KEY', '\\u0072tmp:\\/\\u002fa/live/KEY', 'srt\\u003A\\/\\/KEY']) {
      for (const text of [`{"transferUrls":["${url}"]}`, `{"transferUrls":["${url}`])
        expect(redactAnswer(text, 1000)).not.toContain('KEY');
    }
  });

  it('leaves known words, and masks what is another URL', () => {
    expect(redactAnswer('{"error": "see https://a.example/live?key=KEY", "b": "srt://KEY"}', 1000)).toBe(
      '{"error":"see ***","***":"***"}',
    );
  });

  it.each([
    [
      {
        transferUrls: [
          'abcd-efgh-ijkl',
          'rtmp:/typo/KEY',
          'rtmp://a/live/KEY',
          { url: 'rtmps://b:444/app/inst/KEY?x=KEY', options: { muted: true, height: 360 } },
        ],
        KEY: 1,
      },
      '{"transferUrls":["***","***","rtmp://a/live/***",{"url":"rtmps://b:444/app/***","options":{"muted":true,"height":360}}],"***":1}',
    ],
    [{ transferurls: [], transferUrl: null }, '{"transferurls":[],"transferUrl":null}'],
    [
      { error: 'No such user: KEY', code: 404, id: 123456, at: 1.5 },
      '{"error":"No such user: ***","code":404,"***":***,"***":***}',
    ],
    ['KEY', '"***"'],
    [12_345_678, '***'],
    [[[[[[[['KEY']]]]]]], '[[[[[[***]]]]]]'],
    [{ transferUrls: ['rtmp://KEY', 'RTMPS://u:KEY@a/KEY'] }, '{"transferUrls":["rtmp://***","RTMPS://***"]}'],
    ['__proto__', '"***"'],
  ])('of %j is %s', (answer, shown) => expect(redactAnswer(JSON.stringify(answer), 1000)).toBe(shown));

  it.each([
    [
      '<html>\r\n<head><title>502 Bad Gateway</title></head><body>KEY<hr>nginx</body></html>',
      '(HTML or XML of 83 characters) *** Bad Gateway *** nginx',
    ],
    ['user KEY is not found.', '(text of 22 characters) user *** is not found.'],
    ['KEY', '(text of 3 characters)'],
    ['', '(text of 0 characters)'],
    ['rtmp://a/live/KEY', '(text of 17 characters)'],
    ['moved [broken off: KEY]', '(text of 5 characters, broken off) moved'],
    ['{"transferUrls":["KEY"', '(text of 22 characters)'],
  ])('of %j, which is no JSON, is %s', (answer, shown) => expect(redactAnswer(answer, 1000)).toBe(shown));

  /** Ways in which a program may write a text into its answer. */
  const WRITE: ((text: string) => string)[] = [
    (text) => text,
    encodeURIComponent,
    (text) => Buffer.from(text).toString('base64'),
    (text) => Buffer.from(text).toString('hex'),
    (text) => text.toUpperCase(),
    (text) => text.split('').reverse().join(''),
    (text) => text.slice(0, 8),
    (text) => `not found ${text} is wrong`,
    (text) => `rtmp://${text}`,
    (text) => `rtmp:/a/${text}`,
    (text) => `rtmp://a.example/live/${text}`,
    (text) => `rtmp://a.example/live/${text}/x?${text}`,
    (text) => `rtmps://${text}:${text}@a.example/live?t=${text}/${text}`,
    (text) => `https://a.example/${text}`,
  ];
  const secret = fc
    .string({ unit: fc.constantFrom(...'abcdefghijkmnpqrstuvwxyz0123456789'.split('')), minLength: 8, maxLength: 40 })
    .map((text) => `q7${text}x9`);

  it('shows no secret, wherever it stands and however it is written', () => {
    fc.assert(
      fc.property(
        secret,
        fc.json({ maxDepth: 4 }),
        fc.array(fc.tuple(fc.nat(), fc.nat(), fc.constantFrom(...WRITE)), { minLength: 1, maxLength: 8 }),
        fc.boolean(),
        fc.nat(300),
        (key, around, places, isCut, cut) => {
          const planted = places.map(([a, b, write]) => [write(key), a, b] as const);
          const answer: Record<string, unknown> = { around: JSON.parse(around) as unknown, transferUrls: [] };
          for (const [text, a, b] of planted) {
            const value = [
              text,
              { url: text },
              [text],
              { options: { [text]: text } },
              { url: 'rtmp://a/b/c', options: text },
              { [text]: a },
            ][a % 6];
            if (b % 3 === 0) (answer.transferUrls as unknown[]).push(value);
            else answer[b % 3 === 1 ? 'error' : text] = value;
          }
          const body = JSON.stringify(answer);
          const shown = redactAnswer(isCut ? body.slice(0, cut) : body, 5000);
          for (const [text] of planted) {
            for (const form of [
              key,
              Buffer.from(key).toString('base64').slice(0, 12),
              Buffer.from(key).toString('hex'),
              key.toUpperCase(),
              key.split('').reverse().join(''),
            ]) {
              expect(shown.includes(form) && text.length > 0, shown).toBe(false);
            }
            expect(shown).not.toContain(key.slice(0, 8));
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('cuts after masking', () => {
    expect(redactAnswer(`{"transferUrls":["rtmp://a/live/${'K'.repeat(100)}"]}`, 40)).not.toContain('KK');
  });
});
