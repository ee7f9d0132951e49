// The dashboard's session cookie behind a proxy that speaks https, and what strangers may ask of it.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startApp, type Answer, type TestApp } from './support/app.js';

let api: TestApp;
beforeAll(async () => {
  api = await startApp({ TRUSTED_PROXIES: '1' });
});
afterAll(() => api?.stop());

const cookieOf = (answer: Answer): string => (answer.headers.get('set-cookie') ?? '').split(';', 1)[0] ?? '';

it('over https its cookie has the prefix that keeps other hosts and http out of it, and no other counts', async () => {
  const https = { 'x-forwarded-proto': 'https', 'x-forwarded-for': '192.0.2.1' };
  const carol = await api.customer();
  const signedIn = await api.anonymous(
    'POST',
    '/session',
    { customerId: carol.id, customerSecret: carol.secret },
    https,
  );
  const cookie = cookieOf(signedIn);
  expect(signedIn.headers.get('set-cookie')).toMatch(/^__Host-manycast_session=[\w-]{43}; .*Path=\/; .*Secure/i);
  const me = async (sent: string, headers: Record<string, string>) =>
    (await api.anonymous('GET', '/v1/me', undefined, { cookie: sent, ...headers })).status;
  const plain = cookie.replace('__Host-', '');
  expect([await me(cookie, https), await me(plain, https), await me(`${plain}; ${cookie}`, https)]).toEqual([
    200, 401, 200,
  ]);
  // Without https the prefix means nothing.
  const http = { ...https, 'x-forwarded-proto': 'http' };
  expect([await me(cookie, http), await me(plain, http)]).toEqual([401, 200]);
});

it('looks up so many unknown cookies of an address and no more; who is known there stays', async () => {
  const from = (address: string) => ({ 'x-forwarded-for': address });
  const carol = await api.customer();
  const cookie = cookieOf(
    await api.anonymous('POST', '/session', { customerId: carol.id, customerSecret: carol.secret }, from('192.0.2.1')),
  );
  const me = async (sent: string, address: string, path = '/v1/me') =>
    (await api.anonymous('GET', path, undefined, { cookie: sent, ...from(address) })).status;
  expect(await me(cookie, '192.0.2.1')).toBe(200);
  const guess = (i: number) =>
    me(`manycast_session=${String(i).padStart(43, 'x')}`, '192.0.2.1', i % 2 === 0 ? '/v1/me' : '/session');
  for (let i = 0; i < 100; i += 1) expect(await guess(i)).toBe(401);
  expect([await guess(100), await guess(101)]).toEqual([429, 429]);
  // What can be no token is not looked up, and does not count.
  expect(await me('manycast_session=x', '192.0.2.2', '/session')).toBe(401);
  expect([await me(cookie, '192.0.2.1'), await me(cookie, '192.0.2.2')]).toEqual([200, 200]);
});
