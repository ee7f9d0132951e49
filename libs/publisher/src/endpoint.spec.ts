import { expect, it } from 'vitest';
import { endpointOf } from './endpoint.js';

const BASE = 'https://page.example/watch/';

it.each([
  ['https://m.example/whip/app/live', 'main', 'https://m.example/whip/app/live/main'],
  ['https://m.example/whip/app/live/', 'main', 'https://m.example/whip/app/live/main'],
  ['https://m.example/whip/app/live/{stream_name}', 'main', 'https://m.example/whip/app/live/main'],
  [
    'https://m.example/whip/app/live/%7Bstream_name%7D?ts=1&sign=2',
    'main',
    'https://m.example/whip/app/live/main?ts=1&sign=2',
  ],
  ['/whip/app/live', 'a/b ?#$&', 'https://page.example/whip/app/live/a%2Fb%20%3F%23%24%26'],
  ['https://other.example/whip?key=1', undefined, 'https://other.example/whip?key=1'],
])('%s with the name %j', (url, name, endpoint) => {
  expect(endpointOf(url, name, BASE)).toBe(endpoint);
});

it.each([
  ['wss://wcs.example:8443', 'main', /wss:\/\/ does not lead to WHIP/],
  ['https://m.example/whip/app/live/{stream_name}', undefined, /needs a name/],
  ['https://m.example/whip/app/live', '', /empty/],
])('refuses %s with the name %j', (url, name, why) => {
  expect(() => endpointOf(url, name, BASE)).toThrow(why);
});
