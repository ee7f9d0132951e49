import { describe, expect, it, vi } from 'vitest';
import { callbackRequestUrl, callbackUrlProblem, MAX_TRANSFER_URLS, parseCallbackAnswer } from './callback.js';
import { TransferError } from './reasons.js';

describe('callbackRequestUrl', () => {
  it('escapes what names must not mean in a query', () => {
    expect(callbackRequestUrl('http://c.example/', 'a&b', 'c=d e/ä')).toBe(
      'http://c.example/?entry_point=a%26b&stream_name=c%3Dd%20e%2F%C3%A4',
    );
  });

  it.each([
    ['http://c.example/cb', 'http://c.example/cb?entry_point=live&stream_name=a.b'],
    ['https://c.example', 'https://c.example/?entry_point=live&stream_name=a.b'],
    ['http://c.example/cb?x=1', 'http://c.example/cb?x=1&entry_point=live&stream_name=a.b'],
    ['http://c.example/cb?', 'http://c.example/cb?entry_point=live&stream_name=a.b'],
    ['http://c.example/cb#part', 'http://c.example/cb?entry_point=live&stream_name=a.b'],
    ['http://c.example/cb?x=%2F+', 'http://c.example/cb?x=%2F+&entry_point=live&stream_name=a.b'],
  ])('appends to %s', (url, expected) => expect(callbackRequestUrl(url, 'live', 'a.b')).toBe(expected));
});

describe('callbackUrlProblem', () => {
  it.each([
    ['http://c.example/cb', null],
    ['https://c.example:8443/cb?x=1', null],
    ['ftp://c.example/', 'must be an http:// or https:// URL'],
    ['c.example/cb', 'must be an http:// or https:// URL'],
    ['', 'must be an http:// or https:// URL'],
    ['http://u:p@c.example/', 'must not hold a user name or password'],
    [`http://c.example/${'x'.repeat(2048)}`, 'must not be longer than 2048 characters'],
  ])('of %s is %s', (url, problem) => expect(callbackUrlProblem(url)).toBe(problem));
});

describe('parseCallbackAnswer', () => {
  const parse = (transferUrls: unknown) => parseCallbackAnswer(JSON.stringify({ transferUrls }));

  it('takes strings and objects, and names each once', () => {
    const { urls, bad } = parse([
      ' rtmp://a/live/1 ',
      'rtmp://a/live/1',
      { element: 2, url: 'rtmps://b/app/2', options: { muted: true } },
    ]);
    expect(urls.map((one) => ({ ...one, url: one.url.text }))).toEqual([
      { element: 0, url: 'rtmp://a/live/1', options: {} },
      { element: 2, url: 'rtmps://b/app/2', options: { muted: true } },
    ]);
    expect(bad).toEqual([]);
  });

  it('reports bad elements one by one and keeps the good ones', () => {
    const { urls, bad } = parse([
      7,
      'rtmp://a/live/KEY1',
      'http://a/KEY2',
      null,
      { options: {} },
      { url: 'rtmp://a/live/x', options: [] },
      'rtmp://a/KEY3',
    ]);
    expect(urls.map(({ url }) => url.text)).toEqual(['rtmp://a/live/KEY1']);
    expect(bad.map(({ element }) => element)).toEqual([0, 2, 3, 4, 5, 6]);
    expect(JSON.stringify(bad)).not.toContain('KEY');
  });

  it('forwards to so many and no more', () => {
    const { urls, bad } = parse(Array.from({ length: MAX_TRANSFER_URLS + 2 }, (_, i) => `rtmp://a/live/${i}`));
    expect(urls).toHaveLength(MAX_TRANSFER_URLS);
    expect(bad).toHaveLength(2);
  });

  it.each([
    0,
    null,
    [],
    {},
    '',
    'x',
    'http://a/',
    { url: 7 },
    { url: 'rtmp://a/b/c', options: { no: 1 } },
    { url: 'rtmp://a/b/c', options: 1 },
  ])('stops at the 51st element like %j', (element) => {
    const list = Array.from({ length: 32_600 }, () => element);
    let looked = 0;
    // Every way to read one of them counts.
    const counting = new Proxy(list, {
      get: (target, key) =>
        typeof key === 'string' && /^\d+$/.test(key) ? ((looked += 1), element) : Reflect.get(target, key),
    });
    const parsed = vi.spyOn(JSON, 'parse').mockReturnValueOnce({ transferUrls: counting });
    const { urls, bad } = parseCallbackAnswer('');
    parsed.mockRestore();
    expect([urls.length, bad.length, looked]).toEqual([0, 52, 51]);
    expect(bad.at(-1)).toEqual({
      element: 51,
      message: 'and what follows was not looked at: 32549 elements after 51 mistakes',
    });
  });

  it('looks at a thousand elements at most, also when none is a mistake', () => {
    const { urls, bad } = parse(Array.from({ length: 5000 }, () => 'rtmp://a/live/1'));
    expect(urls).toHaveLength(1);
    expect(bad).toEqual([
      { element: 1000, message: 'and what follows was not looked at: 4000 elements after the first 1000' },
    ]);
  });

  it.each([
    ['', 'callback_not_json'],
    ['<html>', 'callback_not_json'],
    ['null', 'callback_bad_answer'],
    ['[]', 'callback_bad_answer'],
    ['{"transferUrls": "rtmp://a/live/1"}', 'callback_bad_answer'],
    ['{"transferUrls": {"0": "rtmp://a/live/1"}}', 'callback_bad_answer'],
    ['{"transferUrls": ["rtmp://a/live/1"]', 'callback_not_json'],
    ['"rtmp://a/live/1"', 'callback_bad_answer'],
    ['7', 'callback_bad_answer'],
  ])('refuses %s', (body, code) => {
    expect(() => parseCallbackAnswer(body)).toThrow(TransferError);
    expect(() => parseCallbackAnswer(body)).toThrow(expect.objectContaining({ code }) as Error);
  });

  it('takes an empty list, and fields it does not know', () => {
    expect(parseCallbackAnswer('{"transferUrls": [], "more": 1}')).toEqual({ urls: [], bad: [] });
  });

  it.each([
    [7, 'is neither a URL nor an object with one'],
    [null, 'is neither a URL nor an object with one'],
    [['rtmp://a/live/KEY'], 'is neither a URL nor an object with one'],
    [{ url: 7 }, 'is neither a URL nor an object with one'],
    [{ url: 'rtmp://a/live/KEY', options: 'KEY' }, 'has options that are not an object'],
    [{ url: 'rtmp://a/live/KEY', options: null }, 'has options that are not an object'],
    ['', 'the URL does not begin with rtmp:// or rtmps://'],
    ['rtmp://a/live/', 'the URL has no stream key in its path (rtmp://host/app/key)'],
    ['rtmp://KEY', 'the URL has no application in its path (rtmp://host/app/key)'],
  ])('says of %j: %s', (element, message) => {
    expect(parse([element])).toEqual({ urls: [], bad: [{ element: 0, message }] });
  });
});
