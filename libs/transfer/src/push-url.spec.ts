import { describe, expect, it } from 'vitest';
import { pushUrl, withParameters } from './push-url.js';
import { TransferError } from './reasons.js';
import { TransferUrl } from './transfer-url.js';

const NAMING = { streamNamePrefix: 'rtmp_', fullUrl: false, passUrlParameters: true };

describe('pushUrl', () => {
  it.each([
    ['rtmp://a.example/live', { app: 'live', streamName: 'rtmp_s' }],
    ['rtmp://a.example:1936/live/', { app: 'live', streamName: 'rtmp_s', port: 1936 }],
    ['rtmp://u:p@a.example/live/inst', { app: 'live/inst', streamName: 'rtmp_s', user: 'u', password: 'p' }],
    ['rtmp://a.example/live?user=u&pass=p', { app: 'live?user=u&pass=p', streamName: 'rtmp_s' }],
    ['rtmp://a.example/live/?user=u&pass=p', { app: 'live/?user=u&pass=p', streamName: 'rtmp_s' }],
    [
      'rtmp://a.example/live/inst/?user=u',
      { app: 'live/inst/?user=u', streamName: 'rtmp_s', tcUrl: 'rtmp://a.example/live/inst/?user=u' },
    ],
    ['rtmp://a.example/live/inst?user=u', { app: 'live/inst/?user=u', streamName: 'rtmp_s' }],
    ['rtmp://a.example/live?token=a/b', { app: 'live?token=a/b', streamName: 'rtmp_s' }],
  ])('puts prefix and name behind %s', (rtmpUrl, expected) => {
    expect(pushUrl(rtmpUrl, 's', NAMING).target).toMatchObject(expected);
  });

  it('and a key that is all query stays one, whatever characters it has', () => {
    expect(TransferUrl.parse('rtmp://a.example/live/?name=x&sign=a/b==').target).toMatchObject({
      app: 'live',
      streamName: '?name=x&sign=a/b==',
    });
  });

  it('takes a full URL as it is', () => {
    const url = 'rtmp://a.example/live?a=1/other?sig=x/y';
    expect(pushUrl(url, 's', { ...NAMING, fullUrl: true, passUrlParameters: false })).toMatchObject({
      text: url,
      target: { streamName: 'other?sig=x/y' },
    });
  });

  it('leaves the prefix and the parameters out', () => {
    expect(
      pushUrl('rtmp://a.example/live/inst/?u=1', 's', { ...NAMING, streamNamePrefix: '', passUrlParameters: false })
        .text,
    ).toBe('rtmp://a.example/live/inst/s');
  });

  it.each([
    '',
    'rtmp://',
    'http://a.example/live',
    'rtmp://a.example',
    'rtmp://a.example/',
    'rtmp://a example/live',
    'rtmp://a.example/?u=1',
  ])('refuses %j', (rtmpUrl) => {
    expect(() => pushUrl(rtmpUrl, 's', NAMING)).toThrow(TransferError);
  });
});

it('withParameters adds to a query, escaped', () => {
  expect(withParameters('rtmp://a.example/live', {})).toBe('rtmp://a.example/live');
  expect(withParameters('rtmp://a.example/live', { user: 'u', pass: 'a b/&' })).toBe(
    'rtmp://a.example/live?user=u&pass=a%20b%2F%26',
  );
  expect(withParameters('rtmp://a.example/live?x=1', { user: 'u' })).toBe('rtmp://a.example/live?x=1&user=u');
});
