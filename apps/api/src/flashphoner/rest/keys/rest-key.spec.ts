import type { Request, Response } from 'express';
import { expect, it } from 'vitest';
import { loggablePath } from '../../../setup.js';
import { isForRestApi, maskRestKeys, newRestKey, restKeyOf, takeRestKey } from './rest-key.js';

const KEY = newRestKey();

function take(url: string): { request: Request; key: string | undefined } {
  const request = { url, originalUrl: url } as Request;
  takeRestKey(request, {} as Response, () => undefined);
  return { request, key: restKeyOf(request) };
}

it.each([
  [`/k/${KEY}/rest-api/push/find_all`, KEY, '/rest-api/push/find_all'],
  [`/k/${KEY}//rest-api/push/find?a=1`, KEY, '/rest-api/push/find?a=1'],
  ['/k/wrong/rest-api/push/find', 'wrong', '/rest-api/push/find'],
  ['/rest-api/push/find', undefined, '/rest-api/push/find'],
  // Nothing but /rest-api is behind a key.
  [`/k/${KEY}/v1/projects`, undefined, `/k/${KEY}/v1/projects`],
  [`/k/${KEY}`, undefined, `/k/${KEY}`],
  [`/k//rest-api/push/find`, undefined, '/k//rest-api/push/find'],
])('%s', (url, expected, path) => {
  const { request, key } = take(url);
  expect([key, request.url]).toEqual([expected, path]);
  expect(request.originalUrl).not.toContain(KEY);
  expect(isForRestApi(url)).toBe(path.startsWith('/rest-api/'));
});

it.each([
  [`/k/${KEY}/rest-api/push`, '/k/***/rest-api/push'],
  [`/K/${KEY}/rest-api/push`, '/K/***/rest-api/push'],
  [`//k/other/rest-api`, '//k/***/rest-api'],
  [`/x/${KEY}`, '/x/mck_***'],
  ['/v1/k/live', '/v1/k/live'],
])('%s is logged as %s', (path, masked) => {
  expect(maskRestKeys(path)).toBe(masked);
  expect(loggablePath(`${path}?key=1`)).toBe(masked);
});
