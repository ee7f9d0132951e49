import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { TransferError } from './reasons.js';
import { TransferUrl } from './transfer-url.js';

const rtmp = { protocol: 'rtmp', port: 1935 };

describe('TransferUrl.parse', () => {
  it.each([
    [
      'rtmp://a.example/live/key',
      { ...rtmp, host: 'a.example', app: 'live', streamName: 'key', tcUrl: 'rtmp://a.example/live' },
    ],
    ['RTMP://a.example/live/key', { ...rtmp, tcUrl: 'rtmp://a.example/live' }],
    ['rtmps://a.example/app/key', { protocol: 'rtmps', port: 443, tcUrl: 'rtmps://a.example/app' }],
    ['rtmps://a.example:443/rtmp/FB-1?s_bl=1&a=AbC', { port: 443, app: 'rtmp', streamName: 'FB-1?s_bl=1&a=AbC' }],
    ['rtmp://a.example:1936/live/key', { port: 1936, tcUrl: 'rtmp://a.example:1936/live' }],
    ['rtmp://a.example:/live/key', { port: 1935 }],
    ['rtmp://a.example/app/inst/key', { app: 'app/inst', streamName: 'key' }],
    ['rtmp://a.example/live2/x/y?token=a/b', { app: 'live2/x', streamName: 'y?token=a/b' }],
    ['rtmp://a.example/live?token=1/key', { app: 'live?token=1', streamName: 'key' }],
    [
      'rtmp://a.example/live?token=1/key?sig=a/b',
      { app: 'live?token=1', streamName: 'key?sig=a/b', tcUrl: 'rtmp://a.example/live?token=1' },
    ],
    ['rtmp://a.example/live?a=1?b=2/key', { app: 'live?a=1?b=2', streamName: 'key' }],
    ['rtmp://a.example/live?token=a/b/key', { app: 'live?token=a/b', streamName: 'key' }],
    ['rtmp://a.example/app/inst/key?token=1&x=/', { app: 'app/inst', streamName: 'key?token=1&x=/' }],
    ['rtmp://a.example/live/key?', { app: 'live', streamName: 'key?' }],
    ['rtmp://a.example/live/?key', { app: 'live', streamName: '?key' }],
    ['rtmp://a.example/live//key', { app: 'live/', streamName: 'key' }],
    ['rtmps://a.example:1935/live/key', { protocol: 'rtmps', port: 1935, tcUrl: 'rtmps://a.example:1935/live' }],
    ['rtmp://a.example:443/live/key', { port: 443, tcUrl: 'rtmp://a.example:443/live' }],
    [
      'rtmps://[2001:db8::1]:8443/live/key',
      { host: '2001:db8::1', port: 8443, tcUrl: 'rtmps://[2001:db8::1]:8443/live' },
    ],
    ['rtmp://[::ffff:127.0.0.1]/live/key', { host: '::ffff:127.0.0.1' }],
    ['rtmp://a.example./live/key', { host: 'a.example.' }],
    ['rtmp://my_host/live/key', { host: 'my_host' }],
    ['rtmp://user@a.example/live/key', { user: 'user', password: '' }],
    ['rtmp://:password@a.example/live/key', { user: '', password: 'password' }],
    ['rtmp://@a.example/live/key', { host: 'a.example' }],
    ['rtmp://a.example/live/a@b:c', { streamName: 'a@b:c' }],
    ['rtmp://[2001:db8::1]:1935/live/key', { host: '2001:db8::1', tcUrl: 'rtmp://[2001:db8::1]/live' }],
    ['rtmp://10.0.0.1/live/key', { host: '10.0.0.1' }],
    [
      'rtmp://user:p%40ss:word@a.example/live/key',
      { user: 'user', password: 'p@ss:word', tcUrl: 'rtmp://a.example/live' },
    ],
    ['rtmp://a.example/live/key#part', { app: 'live', streamName: 'key#part' }],
    ['rtmp://a.example/live?t=#1/key?s=#/2', { app: 'live?t=#1', streamName: 'key?s=#/2' }],
    ['rtmp://a.example/live?token=1', { app: 'live?token=1', streamName: '', tcUrl: 'rtmp://a.example/live?token=1' }],
    ['rtmp://a.nicovideo.jp/other/inst/key', { app: 'other/inst', streamName: 'key' }],
    ['rtmp://anicovideo.jp/live/input/k/ey', { app: 'live/input/k', streamName: 'ey' }],
    ['rtmp://a.example/live/k%2fey+%20ä', { streamName: 'k%2fey+%20ä' }],
  ])('reads %s', (url, expected) => {
    expect(TransferUrl.parse(url).target).toMatchObject(expected);
  });

  it.each([
    ['', 'does not begin with rtmp:// or rtmps://'],
    ['http://a.example/live/key', 'does not begin with rtmp:// or rtmps://'],
    ['xrtmp://a.example/live/key', 'does not begin with rtmp:// or rtmps://'],
    ['rtmpt://a.example/live/key', 'does not begin with rtmp:// or rtmps://'],
    ['rtmp://a.example:65536/live/key', 'has a bad port'],
    ['rtmp://a.example:-1/live/key', 'is malformed'],
    ['rtmp://-a.example/live/key', 'has a bad host'],
    [`rtmp://${'a'.repeat(64)}.example/live/key`, 'has a bad host'],
    [`rtmp://${'a.'.repeat(127)}example/live/key`, 'has a bad host'],
    ['rtmp://ä.example/live/key', 'has a bad host'],
    ['rtmp://[127.0.0.1]/live/key', 'has a bad host'],
    ['rtmp://[12:34]/live/key', 'has a bad host'],
    ['rtmp://[fe80::1%25eth0]/live/key', 'has a bad host'],
    ['rtmp://[]/live/key', 'has no host'],
    ['rtmp://[::1/live/key', 'is malformed'],
    ['rtmp://2001:db8::1/live/key', 'is malformed'],
    ['rtmp://u:p@ss@a.example/live/key', 'is malformed'],
    ['rtmp://a.example//key', 'has no application in its path'],
    ['rtmp://a.example/?token=1', 'has no application in its path'],
    ['rtmp://a.example/live/k\u00a0ey', 'has a blank or a control character'],
    ['rtmp://a.example/live/k\u0085ey', 'has a blank or a control character'],
    ['rtmp://a.example/live/k\u2028ey', 'has a blank or a control character'],
    ['rtmp://a.example/live/k\u0000ey', 'has a blank or a control character'],
    ['rtmp://a.example/live/k\ud800ey', 'has a blank or a control character'],
    ['rtmp:/a.example/live/key', 'does not begin with rtmp:// or rtmps://'],
    ['rtmp:///live/key', 'has no host'],
    ['rtmp://a..example/live/key', 'has a bad host'],
    ['rtmp://[::zz]/live/key', 'has a bad host'],
    ['rtmp://a.example:0/live/key', 'has a bad port'],
    ['rtmp://a.example:70000/live/key', 'has a bad port'],
    ['rtmp://a.example:19x/live/key', 'is malformed'],
    ['rtmp://a.example#/live/key', 'is malformed'],
    ['rtmp://a.example?x=1/live/key', 'is malformed'],
    ['rtmp://a.example/live?', 'has no application in its path'],
    ['rtmp://a.example/live?token=1/', 'has no stream key in its path'],
    ['rtmp://x.live-video.net/', 'has no application in its path'],
    ['rtmp://x.live-video.net/app/', 'has no stream key in its path'],
    ['rtmp://evil-live-video.net/sk_1', 'has no application in its path'],
    ['rtmp://liveorigin.dlive.nicovideo.jp/live/input/', 'has no stream key in its path'],
    ['rtmp://a.example/key', 'has no application in its path'],
    ['rtmp://a.example/live/', 'has no stream key in its path'],
    ['rtmp://a.example', 'has no application in its path'],
    ['rtmp://a.example/live/k ey', 'has a blank or a control character'],
    ['rtmp://a.example/live/k\r\ney', 'has a blank or a control character'],
    ['rtmp://a%:b@a.example/live/key', 'has badly escaped credentials'],
    [`rtmp://a.example/live/${'k'.repeat(2048)}`, 'is longer than 2048 characters'],
  ])('refuses %s', (url, why) => {
    expect(() => TransferUrl.parse(url)).toThrow(TransferError);
    expect(() => TransferUrl.parse(url)).toThrow(expect.objectContaining({ code: 'url_invalid' }) as Error);
    expect(() => TransferUrl.parse(url)).toThrow(why);
  });
});

describe('what is shown', () => {
  const KEY = 'SECRET-key';
  it.each([
    [`rtmp://a.example/live/${KEY}`, 'rtmp://a.example/live/***'],
    [`rtmps://u:${KEY}@a.example:8443/app/${KEY}?k=${KEY}`, 'rtmps://a.example:8443/app/***'],
    [`rtmp://[2001:db8::1]/live?token=${KEY}/${KEY}`, 'rtmp://[2001:db8::1]/live?***/***'],
    [`rtmp://a.example/stream?user=${KEY}&pass=${KEY}`, 'rtmp://a.example/***'],
    // A key typed without its application.
    [`rtmps://a.example:443/${KEY}?s_bl=1&s_oil=0`, 'rtmps://a.example/***'],
    [`rtmp://a.example/${KEY}?bandwidthtest=true`, 'rtmp://a.example/***'],
    [`rtmp://a.example/live/a#${KEY}`, 'rtmp://a.example/live/***'],
    [
      `rtmp://liveorigin.dlive.nicovideo.jp/live/input/${KEY}/x?${KEY}`,
      'rtmp://liveorigin.dlive.nicovideo.jp/live/input/***',
    ],
  ])('of %s is %s', (url, shown) => {
    const parsed = TransferUrl.parse(url);
    expect(parsed.masked).toBe(shown);
    // By mistake as well.
    expect([String(parsed), JSON.stringify({ parsed }), inspect({ parsed })].join()).not.toContain(KEY);
  });

  it('and refusals repeat nothing of the key', () => {
    for (const url of [
      `rtmp://a.example:99999/live/${KEY}`,
      `rtmp://a.example#/live/${KEY}`,
      `rtmp://${KEY}:%@h/l/${KEY}`,
      `${KEY}://h/a/${KEY}`,
    ]) {
      let message = '';
      try {
        TransferUrl.parse(url);
      } catch (error) {
        message = String(error);
      }
      expect(message).toContain('the URL');
      expect(message).not.toContain(KEY);
    }
  });

  it('nor does anything made of a URL that was taken apart and put together at random', () => {
    const pieces = [
      KEY,
      `?${KEY}`,
      `/${KEY}`,
      '/',
      '?',
      ':',
      '@',
      '%',
      '#',
      '[',
      ']',
      'a',
      '1935',
      'live',
      ' ',
      '\u0000',
      '=',
      '&',
      'rtmp://',
      'rtmps://a.example',
      '/app/',
      `u:${KEY}@`,
    ];
    let state = 1;
    const random = (below: number): number => (state = (state * 48_271) % 2_147_483_647) % below;
    let good = 0;
    for (let i = 0; i < 20_000; i += 1) {
      // The key stands where keys stand: among credentials, in queries and at the end; a host or an application called so is shown.
      const middle = Array.from({ length: random(6) }, () => pieces[random(pieces.length)]).join('');
      const url = `rtmp${random(2) ? 's' : ''}://${random(3) ? '' : `u:${KEY}@`}a.example/app${middle.replaceAll(/\/[^?]*SECRET-key/g, '/x')}/${KEY}`;
      let shown = '';
      try {
        shown = TransferUrl.parse(url).masked;
        good += 1;
      } catch (error) {
        expect(error).toBeInstanceOf(TransferError);
        expect(String(error)).not.toContain(KEY);
      }
      if (!middle.includes(KEY)) expect(shown).not.toContain(KEY);
    }
    expect(good).toBeGreaterThan(1000);
  });
});

describe('TransferUrl.revive', () => {
  it('gives the parts that were parsed', () => {
    const url = 'rtmps://u:p%40@a.example:8443/live?t=1/key?x=1';
    expect(TransferUrl.revive(url).target).toEqual(TransferUrl.parse(url).target);
    expect(TransferUrl.revive(url).masked).toBe('rtmps://a.example:8443/live?***/***');
  });

  it('does not judge: what was good when it was stored is forwarded to', () => {
    expect(() => TransferUrl.parse('rtmp://a.example/key')).toThrow(TransferError);
    expect(TransferUrl.revive('rtmp://a.example/key').target).toMatchObject({ host: 'a.example', streamName: 'key' });
  });

  it('but what never was a URL has no parts, and shows nothing', () => {
    const revived = TransferUrl.revive('nonsense SECRET-key');
    expect(() => revived.target).toThrow(expect.objectContaining({ code: 'url_invalid' }) as Error);
    expect(String(revived)).toBe('***');
  });
});
