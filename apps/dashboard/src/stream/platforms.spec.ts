import { describe, expect, it } from 'vitest';
import { platformOf, transferUrl } from './platforms.js';

describe('a URL of a platform', () => {
  it.each([
    ['rtmp://host/app/', ' key ', 'rtmp://host/app/key'],
    [' rtmp://host/app', '/key?x=1', 'rtmp://host/app/key?x=1'],
    ['rtmp://host/app/key', '', 'rtmp://host/app/key'],
  ])('%s and %s', (server, key, url) => expect(transferUrl(server, key)).toBe(url));

  it.each([
    ['rtmps://a.rtmps.youtube.com/live2/***', 'YouTube'],
    ['rtmp://user:***@live.twitch.tv:1935/app', 'Twitch'],
    ['rtmp://notyoutube.com/app', null],
    ['rtmp://youtube.com.example.org/app', null],
  ])('%s is %s', (url, name) => expect(platformOf(url)).toBe(name));
});
