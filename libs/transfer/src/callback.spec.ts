import { describe, expect, it } from 'vitest';
import { callbackRequestUrl, callbackUrlProblem, MAX_TRANSFER_URLS, parseCallbackAnswer, redactAnswer } from './callback.js';
import { REASONS, reasonOf, TransferError } from './reasons.js';
import { retryDelayMs } from './retry.js';

describe('callbackRequestUrl', () => {
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
    const { urls, bad } = parse([' rtmp://a/live/1 ', 'rtmp://a/live/1', { url: 'rtmps://b/app/2', options: { muted: true } }]);
    expect(urls).toEqual([
      { url: 'rtmp://a/live/1', options: {} },
      { url: 'rtmps://b/app/2', options: { muted: true } },
    ]);
    expect(bad).toEqual([]);
  });

  it('reports bad elements one by one and keeps the good ones', () => {
    const { urls, bad } = parse([7, 'rtmp://a/live/KEY1', 'http://a/KEY2', null, { options: {} }, { url: 'rtmp://a/live/x', options: [] }, 'rtmp://a/KEY3']);
    expect(urls.map(({ url }) => url)).toEqual(['rtmp://a/live/KEY1']);
    expect(bad.map(({ element }) => element)).toEqual([0, 2, 3, 4, 5, 6]);
    expect(JSON.stringify(bad)).not.toContain('KEY');
  });

  it('forwards to so many and no more', () => {
    const { urls, bad } = parse(Array.from({ length: MAX_TRANSFER_URLS + 2 }, (_, i) => `rtmp://a/live/${i}`));
    expect(urls).toHaveLength(MAX_TRANSFER_URLS);
    expect(bad).toHaveLength(2);
  });

  it.each([
    ['', 'callback_not_json'],
    ['<html>', 'callback_not_json'],
    ['null', 'callback_bad_answer'],
    ['[]', 'callback_bad_answer'],
    ['{"transferUrls": "rtmp://a/live/1"}', 'callback_bad_answer'],
  ])('refuses %s', (body, code) => {
    expect(() => parseCallbackAnswer(body)).toThrow(expect.objectContaining({ code }) as Error);
  });
});

describe('redactAnswer', () => {
  it('masks every RTMP URL, escaped ones too', () => {
    const text = redactAnswer('{"transferUrls":["rtmp://a/live/KEY","rtmps:\\/\\/b\\/app\\/KEY"],"note":"x rtmp://c/KEY y"}', 1000);
    expect(text).not.toContain('KEY');
    expect(text).toContain('rtmp://a/live/***');
  });

  it('cuts after masking', () => {
    expect(redactAnswer(`{"transferUrls":["rtmp://a/live/${'K'.repeat(100)}"]}`, 40)).not.toContain('KK');
  });
});

describe('retryDelayMs', () => {
  it.each([
    [1, 'fast', 500, 1000],
    [2, 'fast', 1000, 2000],
    [6, 'fast', 15_000, 30_000],
    [1000, 'fast', 15_000, 30_000],
    [1, 'slow', 30_000, 60_000],
    [99, 'slow', 300_000, 600_000],
  ] as const)('after %i failures, %s: %i to %i ms', (failures, retry, least, most) => {
    expect(retryDelayMs(failures, retry, () => 0)).toBe(least);
    expect(retryDelayMs(failures, retry, () => 0.999999)).toBe(most);
  });
});

describe('reasons', () => {
  it('say in a sentence what to do', () => {
    for (const { text } of Object.values(REASONS)) expect(text).toMatch(/^[A-Z].*\.$/);
    expect(reasonOf('no-such-code')).toBeUndefined();
    expect(reasonOf('toString')).toBeUndefined();
    expect(reasonOf(null)).toBeUndefined();
    expect(new TransferError('tcp_refused', 'x')).toMatchObject({ blame: 'platform', retryable: true, message: expect.stringContaining('(x)') });
    expect(new TransferError('url_invalid').retryable).toBe(false);
  });
});
