import { describe, expect, it } from 'vitest';
import { TransferUrl, TransferError } from '#libs/transfer';
import { redirectTarget } from './redirect.js';
import { toStatus } from './status.js';

const from = TransferUrl.parse('rtmp://u:p@a.example/live/key?sig=1').target;
const secured = TransferUrl.parse('rtmps://a.example/live/key?sig=1').target;

describe('redirectTarget', () => {
  it.each([
    // What SRS, Adobe Media Server and Wowza name: the application.
    [
      'rtmp://b.example:19350/live',
      {
        host: 'b.example',
        port: 19_350,
        app: 'live',
        streamName: 'key?sig=1',
        tcUrl: 'rtmp://b.example:19350/live',
        user: 'u',
        password: 'p',
      },
    ],
    ['rtmp://b.example/edge/', { app: 'edge', tcUrl: 'rtmp://b.example/edge' }],
    [
      'rtmp://b.example/live/inst?t=1',
      { app: 'live/inst?t=1', streamName: 'key?sig=1', tcUrl: 'rtmp://b.example/live/inst?t=1' },
    ],
    ['rtmp://b.example/live?t=a/b', { app: 'live?t=a/b', streamName: 'key?sig=1' }],
    ['rtmp://10.1.2.3', { host: '10.1.2.3', app: 'live', streamName: 'key?sig=1', tcUrl: 'rtmp://10.1.2.3/live' }],
    ['rtmps://b.example/live', { protocol: 'rtmps', port: 443 }],
    ['rtmp://x:y@b.example/live', { user: 'x', password: 'y' }],
    // The whole of it.
    ['rtmp://b.example/live/key', { app: 'live', streamName: 'key?sig=1', tcUrl: 'rtmp://b.example/live' }],
    ['rtmp://b.example/other/key?sig=2', { app: 'other', streamName: 'key?sig=2' }],
  ])('follows to %s', (url, expected) => expect(redirectTarget(from, url)).toMatchObject(expected));

  it.each([
    ['', 'it does not say where to'],
    ['http://b.example/live', 'to a URL that cannot be used'],
    ['rtmpt://b.example/live', 'to a URL that cannot be used'],
    ['rtmp://b example/live', 'to a URL that cannot be used'],
    ['rtmp://', 'to a URL that cannot be used'],
    ['nonsense', 'to a URL that cannot be used'],
    ['rtmp://b.example:0/live', 'to a URL that cannot be used'],
  ])('does not follow to %j', (url, why) => {
    expect(() => redirectTarget(from, url)).toThrow(TransferError);
    expect(() => redirectTarget(from, url)).toThrow(
      expect.objectContaining({ code: 'redirected', detail: why }) as Error,
    );
  });

  it('does not send a key in clear that was to be sent over TLS', () => {
    expect(redirectTarget(secured, 'rtmps://b.example/live')).toMatchObject({ protocol: 'rtmps', host: 'b.example' });
    expect(() => redirectTarget(secured, 'rtmp://b.example/live')).toThrow('in clear');
  });
});

it.each([
  [{ ex: { code: 302, redirect: 'rtmp://b/live' } }, 'rtmp://b/live'],
  [{ ex: { redirect: 'rtmp://b/live', redirect2: 'rtmp://b/live/key' } }, 'rtmp://b/live'],
  [{ ex: { code: 302, redirect2: 'rtmp://b/live/key' } }, 'rtmp://b/live/key'],
  [{ redirect: 'rtmp://b/live' }, 'rtmp://b/live'],
  [{ ex: { code: 302 } }, ''],
  [{ ex: { code: 403 } }, null],
  [{ ex: null }, null],
  [{}, null],
])('the status %j redirects to %j', (fields, redirect) => {
  expect(toStatus([null, { level: 'error', code: 'NetConnection.Connect.Rejected', ...fields }])).toMatchObject({
    redirect,
  });
});
