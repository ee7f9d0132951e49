// What one customer's callbacks cost another's, and itself.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CallbackCircuits } from '../apps/api/src/callback/callback-circuits.js';
import type { Attempt } from '../apps/api/src/callback/callback.client.js';
import { Dispatcher } from '../apps/api/src/streams/publish/dispatcher.js';
import { startApp, type TestApp, type TestCustomer } from './support/app.js';
import { RestHooks } from '../apps/api/src/flashphoner/hooks/rest-hooks.js';
import { type CallbackServer, startCallbackServer } from './support/callback-server.js';

const TIMEOUT_MS = 10_000;
let api: TestApp;
let hanging: CallbackServer;
let healthy: CallbackServer;

beforeAll(async () => {
  api = await startApp({ CALLBACK_TIMEOUT_MS: String(TIMEOUT_MS) });
  [hanging, healthy] = await Promise.all([startCallbackServer(), startCallbackServer()]);
  hanging.reply = () => undefined;
});
afterAll(async () => {
  await hanging?.stop();
  await healthy?.stop();
  await api?.stop();
});

/** Streams of one entry point that want to ask now. */
async function asking(
  customer: TestCustomer,
  entryPoint: string,
  callbackUrl: string,
  count: number,
): Promise<string[]> {
  const { prisma } = api;
  const where = { projectId: customer.appid, name: entryPoint };
  const settings = { transferEnabled: true, callbackUrl };
  const [changed] = await prisma.entryPoint.updateManyAndReturn({ where, data: settings });
  const { id: entryPointId } = changed ?? (await prisma.entryPoint.create({ data: { ...where, ...settings } }));
  const rows = Array.from({ length: count }, (_, i) => ({
    projectId: customer.appid,
    entryPointId,
    name: `s${i}`,
    state: 'live' as const,
    callbackState: 'pending' as const,
  }));
  const streams = await prisma.stream.createManyAndReturn({ data: rows, select: { id: true } });
  await Promise.all(streams.map(({ id }) => api.app.get(Dispatcher).requestCallback(id)));
  return streams.map(({ id }) => id);
}
const reasons = async (ids: string[]): Promise<(string | null)[]> =>
  (await api.prisma.stream.findMany({ where: { id: { in: ids } }, select: { callbackReason: true } })).map(
    ({ callbackReason }) => callbackReason,
  );

it('a customer whose server hangs under many paths holds back nobody else', async () => {
  const [alice, bob] = [await api.customer(), await api.customer()];
  const port = new URL(hanging.url).port;
  // All of them together want more than all places.
  await api.prisma.customer.update({ where: { id: alice.id }, data: { quotas: { callbacksPerMinute: 100_000 } } });
  await Promise.all(Array.from({ length: 24 }, (_, i) => asking(alice, `e${i}`, `http://127.0.0.1:${port}/${i}`, 10)));
  await expect.poll(() => hanging.requests.length).toBe(20);
  const started = performance.now();
  const [stream] = await asking(bob, 'live', healthy.url, 1);
  await expect
    .poll(async () => (await api.prisma.stream.findUniqueOrThrow({ where: { id: stream } })).callbackState)
    .toBe('answered');
  expect(performance.now() - started).toBeLessThan(TIMEOUT_MS / 2);
  expect(hanging.requests.length).toBeLessThanOrEqual(40);
  await api.prisma.stream.updateMany({ where: { projectId: alice.appid }, data: { state: 'ended' } });
});

it('a customer has a limit of its own, however many servers it names', async () => {
  const circuits = api.app.get(CallbackCircuits);
  const attempt: Attempt = { status: 200, body: '', errorHead: null, failure: null, durationMs: 1, timings: {} };
  let release: () => void = () => undefined;
  const released = new Promise<Attempt>((resolve) => (release = () => resolve(attempt)));
  const run = (customerId: string, i: number) =>
    circuits.run(
      { customerId, appid: customerId, url: `http://server-${i}/` },
      async () => 0,
      () => released,
    );
  const many = Array.from({ length: 50 }, (_, i) => run('many', i));
  const other = run('other', 0);
  expect((await Promise.all(many.slice(40))).every((result) => result === 'full')).toBe(true);
  release();
  expect(await Promise.all([...many.slice(0, 40), other])).toEqual(Array.from({ length: 41 }, () => attempt));
});

it('turns at which nothing is asked do not count as callbacks', async () => {
  const carol = await api.customer();
  await api.prisma.customer.update({ where: { id: carol.id }, data: { quotas: { callbacksPerMinute: 10 } } });
  // Nobody listens: the fifth failure opens the circuit, and the others wait without having asked.
  const streams = await asking(carol, 'live', 'http://127.0.0.1:1/', 5);
  await expect.poll(async () => new Set(await reasons(streams))).toEqual(new Set(['callback_connect_failed']));
  const more = await Promise.all(
    Array.from({ length: 3 }, (_, i) => asking(carol, `e${i}`, 'http://127.0.0.1:1/', 10)),
  );
  await expect.poll(async () => new Set(await reasons(more.flat()))).toEqual(new Set(['callback_circuit_open']));
  const test = await carol.call('POST', `/v1/projects/${carol.appid}/fls/entry_points/live/settings/transfer/test`, {
    callbackUrl: healthy.url,
  });
  expect(test.body).toMatchObject({ delivery: { outcome: 'ok' } });
});

it('a server that answers at the last moment, each time, is left alone like one that hangs', async () => {
  const circuits = api.app.get(CallbackCircuits);
  const late: Attempt = {
    status: 200,
    body: '{"transferUrls":[]}',
    errorHead: null,
    failure: null,
    durationMs: TIMEOUT_MS - 100,
    timings: {},
  };
  const run = (url: string, attempt: Attempt) =>
    circuits.run(
      { customerId: 'c', appid: 'a', url },
      async () => 0,
      async () => attempt,
    );
  for (let i = 0; i < 5; i += 1) expect(await run('http://late/', late)).toBe(late);
  expect(await run('http://late/', late)).toBe('open');
  const quick = { ...late, durationMs: TIMEOUT_MS / 2 };
  for (let i = 0; i < 10; i += 1) expect(await run('http://quick/', quick)).toBe(quick);
});

/** Where a customer's publisher wants to go, with REST hooks at `appUrl`. */
async function hooked(customer: TestCustomer, appUrl: string) {
  expect(
    (await customer.call('PATCH', `/v1/projects/${customer.appid}/fls/entry_points/live/settings/push`, { appUrl }))
      .status,
  ).toBe(200);
  const { id: entryPointId } = await api.prisma.entryPoint.findFirstOrThrow({ where: { projectId: customer.appid } });
  return {
    customerId: customer.id,
    projectId: customer.appid,
    entryPointId,
    streamName: 's',
    transferEnabled: false,
    callbackUrl: null,
    admission: { entryPoint: 'live', bannedUntil: null, streamAuth: null },
  };
}

it('REST hooks count as callbacks, leave streams their part, and who causes many gets past no application', async () => {
  const dave = await api.customer();
  await api.prisma.customer.update({ where: { id: dave.id }, data: { quotas: { callbacksPerMinute: 10 } } });
  const target = await hooked(dave, healthy.url);
  healthy.requests.length = 0;
  const answers = await Promise.all(
    Array.from({ length: 100 }, () => api.app.get(RestHooks).call(target, 'publishStream', {})),
  );
  expect(healthy.requests).toHaveLength(8);
  expect(answers.filter(({ refusal }) => refusal === null)).toHaveLength(8);
  expect(answers.find(({ refusal }) => refusal !== null)?.refusal).toMatch(
    /^The application cannot be asked: too many requests/,
  );
  // A stream's callback still has its part, and a test has none.
  const [stream] = await asking(dave, 'live', healthy.url, 1);
  await expect
    .poll(async () => (await api.prisma.stream.findUniqueOrThrow({ where: { id: stream } })).callbackState)
    .toBe('answered');
  expect(
    (await dave.call('POST', `/v1/projects/${dave.appid}/fls/entry_points/live/settings/transfer/test`, {})).status,
  ).toBe(429);
});

it("REST hooks to an application that hangs hold 20 connections of its own, and nobody else's", async () => {
  const [erin, frank] = [await api.customer(), await api.customer()];
  for (const { id } of [erin, frank])
    await api.prisma.customer.update({ where: { id }, data: { quotas: { callbacksPerMinute: 10_000 } } });
  const target = await hooked(erin, hanging.url);
  const asked = () => hanging.requests.filter(({ url }) => url.includes('/publishStream')).length;
  const many = Array.from({ length: 200 }, () => api.app.get(RestHooks).call(target, 'publishStream', {}));
  await expect.poll(asked).toBe(20);
  // Another customer's are asked meanwhile.
  expect(await api.app.get(RestHooks).call(await hooked(frank, healthy.url), 'publishStream', {})).toMatchObject({
    refusal: null,
  });
  await Promise.all(many);
  expect(asked()).toBeLessThanOrEqual(40);
}, 40_000);

it('REST hooks to an application that is not there are sent five times, and then for a while no more', async () => {
  const gina = await api.customer();
  const target = await hooked(gina, healthy.url);
  const { reply } = healthy;
  healthy.reply = (response) => void response.socket?.end();
  healthy.requests.length = 0;
  for (let i = 0; i < 20; i += 1)
    expect((await api.app.get(RestHooks).call(target, 'publishStream', {})).refusal).toBeNull();
  expect(healthy.requests).toHaveLength(5);
  // It said that it must be asked.
  expect((await api.app.get(RestHooks).call(target, 'publishStream', {}, true)).refusal).toBe(
    'Forbidden by the application',
  );
  healthy.reply = reply;
});

it('tests of a callback to a server that hangs hold 20 connections, and are refused when 40 wait', async () => {
  const hank = await api.customer();
  await api.prisma.customer.update({ where: { id: hank.id }, data: { quotas: { callbacksPerMinute: 10_000 } } });
  const asked = () => hanging.requests.filter(({ url }) => url.startsWith('/tested')).length;
  const callbackUrl = new URL('/tested', hanging.url).href;
  const many = Array.from({ length: 60 }, () =>
    hank.call('POST', `/v1/projects/${hank.appid}/fls/entry_points/live/settings/transfer/test`, { callbackUrl }),
  );
  await expect.poll(asked).toBe(20);
  const statuses = (await Promise.all(many)).map(({ status }) => status);
  expect([
    statuses.filter((status) => status === 429).length,
    statuses.filter((status) => status === 200).length,
  ]).toEqual([20, 40]);
}, 40_000);
