import { describe, expect, it } from 'vitest';
import { TransferError } from './reasons.js';
import { parseTransferUrl, redactTransferUrl } from './transfer-url.js';

const rtmp = { protocol: 'rtmp', port: 1935 };

describe('parseTransferUrl', () => {
  it.each([
    ['rtmp://a.example/live/key', { ...rtmp, host: 'a.example', app: 'live', streamName: 'key', tcUrl: 'rtmp://a.example/live' }],
    ['RTMP://a.example/live/key', { ...rtmp, tcUrl: 'rtmp://a.example/live' }],
    ['rtmps://a.example/app/key', { protocol: 'rtmps', port: 443, tcUrl: 'rtmps://a.example/app' }],
    ['rtmps://a.example:443/rtmp/FB-1?s_bl=1&a=AbC', { port: 443, app: 'rtmp', streamName: 'FB-1?s_bl=1&a=AbC' }],
    ['rtmp://a.example:1936/live/key', { port: 1936, tcUrl: 'rtmp://a.example:1936/live' }],
    ['rtmp://a.example:/live/key', { port: 1935 }],
    ['rtmp://a.example/app/inst/key', { app: 'app/inst', streamName: 'key' }],
    ['rtmp://a.example/live2/x/y?token=a/b', { app: 'live2/x', streamName: 'y?token=a/b' }],
    ['rtmp://a.example/live?token=1/key', { app: 'live?token=1', streamName: 'key' }],
    ['rtmp://[2001:db8::1]:1935/live/key', { host: '2001:db8::1', tcUrl: 'rtmp://[2001:db8::1]/live' }],
    ['rtmp://10.0.0.1/live/key', { host: '10.0.0.1' }],
    ['rtmp://user:p%40ss:word@a.example/live/key', { user: 'user', password: 'p@ss:word', tcUrl: 'rtmp://a.example/live' }],
    ['rtmp://a.example/live/k%2fey+%20ä', { streamName: 'k%2fey+%20ä' }],
  ])('reads %s', (url, expected) => {
    expect(parseTransferUrl(url)).toMatchObject(expected);
  });

  it.each([
    ['', 'does not begin with rtmp:// or rtmps://'],
    ['http://a.example/live/key', 'does not begin with rtmp:// or rtmps://'],
    ['rtmp:/a.example/live/key', 'does not begin with rtmp:// or rtmps://'],
    ['rtmp:///live/key', 'has no host'],
    ['rtmp://a..example/live/key', 'has a bad host'],
    ['rtmp://[::zz]/live/key', 'has a bad host'],
    ['rtmp://a.example:0/live/key', 'has a bad port'],
    ['rtmp://a.example:70000/live/key', 'has a bad port'],
    ['rtmp://a.example:19x/live/key', 'is malformed'],
    ['rtmp://a.example/live/key#part', 'is malformed'],
    ['rtmp://a.example/key', 'has no application in its path'],
    ['rtmp://a.example/live/', 'has no stream key in its path'],
    ['rtmp://a.example', 'has no application in its path'],
    ['rtmp://a.example/live/k ey', 'has a blank or a control character'],
    ['rtmp://a.example/live/k\r\ney', 'has a blank or a control character'],
    ['rtmp://a%:b@a.example/live/key', 'has badly escaped credentials'],
    [`rtmp://a.example/live/${'k'.repeat(2048)}`, 'is longer than 2048 characters'],
  ])('refuses %s', (url, why) => {
    expect(() => parseTransferUrl(url)).toThrow(TransferError);
    expect(() => parseTransferUrl(url)).toThrow(why);
  });
});

describe('redactTransferUrl', () => {
  const KEY = 'SECRET-key';
  it.each([
    [`rtmp://a.example/live/${KEY}`, 'rtmp://a.example/live/***'],
    [`rtmps://u:${KEY}@a.example:8443/app/${KEY}?k=${KEY}`, 'rtmps://a.example:8443/app/***'],
    [`rtmp://[2001:db8::1]/live?token=${KEY}/${KEY}`, 'rtmp://[2001:db8::1]/live?***/***'],
    [`rtmp://a b/live/${KEY}`, '***'],
    [`nonsense ${KEY}`, '***'],
  ])('of %s is %s', (url, redacted) => {
    expect(redactTransferUrl(url)).toBe(redacted);
  });

  it('and refusals repeat nothing of the key', () => {
    for (const url of [`rtmp://a.example:99999/live/${KEY}`, `rtmp://a.example/live/${KEY}#`, `rtmp://${KEY}:%@h/l/${KEY}`, `${KEY}://h/a/${KEY}`]) {
      let message = '';
      try {
        parseTransferUrl(url);
      } catch (error) {
        message = String(error);
      }
      expect(message).toContain('the URL');
      expect(message).not.toContain(KEY);
      expect(redactTransferUrl(url)).not.toContain(KEY);
    }
  });
});
