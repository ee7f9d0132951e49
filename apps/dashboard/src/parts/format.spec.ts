import { describe, expect, it } from 'vitest';
import { bitrate, codec, duration, momentOf, relative, size } from './format.js';

describe('figures in words', () => {
  it.each([
    [null, '–'],
    [0, '0 kbit/s'],
    [999_499, '999 kbit/s'],
    [2_440_000, '2.4 Mbit/s'],
  ])('bitrate %s', (bps, text) => expect(bitrate(bps)).toBe(text));
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1500, '1.5 kB'],
    [3_200_000_000, '3.2 GB'],
  ])('size %s', (count, text) => expect(size(count)).toBe(text));
  it.each([
    ['H264', 'H.264'],
    ['h264', 'H.264'],
    ['OPUS', 'Opus'],
    ['vp8', 'VP8'],
    ['AV1', 'AV1'],
  ])('codec %s', (name, text) => expect(codec(name)).toBe(text));
  it.each([
    [-5, '0:00'],
    [65_000, '1:05'],
    [3_723_000, '1:02:03'],
  ])('duration %s', (ms, text) => expect(duration(ms)).toBe(text));
  it.each([
    [1, 23, /^\d\d:30:00$/],
    [2, 0, /^(Jan 1|1 Jan), \d\d:30:00$/],
    [400, 0, /^(Jan 1|1 Jan), \d\d:30:00$/],
  ])('a moment of January 1st, seen on day %s', (day, hour, text) => {
    expect(momentOf(new Date(2026, 0, 1, 22, 30).toISOString(), new Date(2026, 0, day, hour).getTime())).toMatch(text);
  });
  it.each([
    [-90, '1 min. ago'],
    [30, 'in 30 sec.'],
    [-7200, '2 hr. ago'],
  ])('%s seconds from now', (seconds, text) => {
    const now = Date.UTC(2026, 0, 1);
    expect(relative(new Date(now + seconds * 1000).toISOString(), now)).toBe(text);
  });
});
