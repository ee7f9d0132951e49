import { afterAll, afterEach, assert, beforeAll, expect, it, vi } from 'vitest';
import { startApp, type TestApp, type TestCustomer } from './support/app.js';
import { startTcpProxy, type TcpProxy } from './support/tcp-proxy.js';

let api: TestApp;
let alice: TestCustomer;
let token: string;
const proxies: Record<'DATABASE_URL' | 'REDIS_URL', TcpProxy> = {} as never;

beforeAll(async () => {
  api = await startApp({}, async (env) => {
    const changed: Record<string, string> = {};
    for (const name of ['DATABASE_URL', 'REDIS_URL'] as const) {
      const url = new URL(env[name] as string);
      proxies[name] = await startTcpProxy(Number(url.port));
      url.host = `127.0.0.1:${proxies[name].port}`;
      changed[name] = url.href;
    }
    return changed;
  });
  alice = await api.customer();
  ({ token } = (await alice.call('POST', `${fls()}/entry_points/live/publish_tokens`)).body as { token: string });
});
afterEach(async () => {
  for (const proxy of Object.values(proxies)) proxy.restore();
  await vi.waitFor(async () => assert((await api.anonymous('GET', '/readyz')).status === 200), { timeout: 10_000 });
});
afterAll(async () => {
  await api?.stop();
  await Promise.all(Object.values(proxies).map((proxy) => proxy.stop()));
});

const fls = () => `/v1/projects/${alice.appid}/fls`;
const OFFER = `v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=fingerprint:sha-256 ${Array.from({ length: 32 }, () => 'AB').join(':')}\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=setup:actpass\r\na=ice-ufrag:user\r\na=ice-pwd:passwordpasswordpassword\r\na=rtpmap:96 H264/90000\r\n`;
const publish = () =>
  api.anonymous('POST', `/whip/${alice.appid}/live/s`, OFFER, {
    'content-type': 'application/sdp',
    authorization: `Bearer ${token}`,
  });

it('without Postgres the process lives and says what it lacks', async () => {
  proxies.DATABASE_URL.cut();
  expect((await api.anonymous('GET', '/healthz')).status).toBe(200);
  const ready = await api.anonymous('GET', '/readyz');
  expect([ready.status, ready.body]).toEqual([503, { status: 'unavailable', postgres: 'unavailable', redis: 'ok' }]);
  for (const answer of [
    await alice.call('GET', `${fls()}/streams`),
    await alice.call('PATCH', `${fls()}/entry_points/live/settings/transfer`, { enabled: true }),
    await publish(),
  ]) {
    expect([answer.status, answer.headers.get('content-type')]).toEqual([503, 'application/problem+json']);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    // Nothing of where our servers are.
    expect(answer.text).not.toMatch(/127\.0\.0\.1|ECONN|prisma/i);
  }
});

it('without Redis what needs only rows goes on, and no publisher is kept waiting', async () => {
  proxies.REDIS_URL.cut();
  expect((await api.anonymous('GET', '/healthz')).status).toBe(200);
  await expect
    .poll(async () => (await api.anonymous('GET', '/readyz')).body)
    .toEqual({ status: 'unavailable', postgres: 'ok', redis: 'unavailable' });
  const entryPoint = await api.prisma.entryPoint.findFirstOrThrow({ where: { projectId: alice.appid } });
  const { id } = await api.prisma.stream.create({
    data: { projectId: alice.appid, entryPointId: entryPoint.id, name: 'running', state: 'live', ownerNode: 'n' },
  });
  expect((await alice.call('GET', `${fls()}/streams/${id}`)).body).toMatchObject({ state: 'live', figures: null });
  expect((await alice.call('PATCH', `${fls()}/entry_points/live/settings/transfer`, { enabled: true })).status).toBe(
    200,
  );
  const started = performance.now();
  expect((await publish()).status).toBe(503);
  expect(performance.now() - started).toBeLessThan(3000);
  expect(await api.prisma.stream.count({ where: { name: 's' } })).toBe(0);
  expect((await alice.call('DELETE', `${fls()}/streams/${id}`)).status).toBe(204);
  expect(await api.prisma.stream.findUnique({ where: { id } })).toMatchObject({ state: 'ended', reason: 'kicked' });
});

it('is ready with both', async () => {
  const ready = await api.anonymous('GET', '/readyz');
  expect([ready.status, ready.body]).toEqual([200, { status: 'ok', postgres: 'ok', redis: 'ok' }]);
});
