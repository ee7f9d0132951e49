// A customer, a project, an entry point with years of history: gone for everybody at once, and their rows soon after.
import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { startApp, type TestApp, type TestCustomer } from './support/app.js';
import { offer } from './support/sdp.js';

const STREAMS = 25_000;
let api: TestApp;
let alice: TestCustomer;
let operator: TestCustomer;

beforeAll(async () => {
  api = await startApp();
  operator = await api.customer('operator');
});
afterAll(() => api?.stop());
beforeEach(async () => {
  alice = await api.customer();
});

async function fill(entryPoint: string): Promise<void> {
  const { id } = await api.prisma.entryPoint.findFirstOrThrow({ where: { projectId: alice.appid, name: entryPoint } });
  // More than a statement of the API's may take: by a client of our own.
  const client = new Client({ connectionString: process.env.DATABASE_URL });
  await client.connect();
  await client.query(`
    CREATE TEMP TABLE made AS SELECT gen_random_uuid() AS id, i FROM generate_series(1, ${STREAMS}) AS i;
    INSERT INTO streams (id, project_id, entry_point_id, name, state, ended_at) SELECT id, '${alice.appid}', '${id}', 's' || i, 'ended', now() FROM made;
    INSERT INTO transfers (id, stream_id, url, redacted_url, url_hash, state, ended_at) SELECT gen_random_uuid(), id, '', '', k::text, 'ended', now() FROM made, generate_series(1, 3) AS k;
    INSERT INTO sessions (id, stream_id, etag, ended_at) SELECT id, id, 'e', now() FROM made;
    INSERT INTO callback_deliveries (id, entry_point_id, stream_id, attempt, url, outcome, duration_ms) SELECT gen_random_uuid(), '${id}', id, 1, 'http://x/', 'ok', 1 FROM made;
    INSERT INTO last_answers (entry_point_id, stream_name, answer) SELECT '${id}', 's' || i, '' FROM made;
    INSERT INTO events (project_id, stream_id, type) SELECT '${alice.appid}', id, 'stream.ended' FROM made;
    ANALYZE`);
  await client.end();
}
const counts = async (): Promise<number[]> => {
  const { prisma } = api;
  const of = { projectId: alice.appid };
  return Promise.all([
    prisma.stream.count({ where: of }),
    prisma.event.count({ where: of }),
    prisma.transfer.count(),
    prisma.session.count(),
    prisma.callbackDelivery.count(),
    prisma.lastAnswer.count(),
  ]);
};
const GONE = [0, 0, 0, 0, 0, 0];
const project = () => `/v1/projects/${alice.appid}`;
const publish = (token: string) =>
  api.anonymous('POST', `/whip/${alice.appid}/live/x`, offer(), {
    authorization: `Bearer ${token}`,
    'content-type': 'application/sdp',
  });

it('a project', async () => {
  await fill('live');
  const { token } = (await alice.call('POST', `${project()}/fls/entry_points/live/publish_tokens`)).body as {
    token: string;
  };
  expect((await alice.call('DELETE', project())).status).toBe(204);
  for (const who of [alice, operator]) {
    for (const path of [
      '',
      '/fls/entry_points',
      '/fls/entry_points/live',
      '/fls/streams',
      '/fls/events',
      '/fls/entry_points/live/settings/transfer',
      '/fls/entry_points/live/callbacks',
    ]) {
      expect((await who.call('GET', project() + path)).status, path).toBe(404);
    }
    expect((await who.call('GET', '/v1/projects')).text).not.toContain(alice.appid);
  }
  expect((await operator.call('GET', '/v1/streams')).body).toMatchObject({ streams: [] });
  expect((await publish(token)).status).toBe(401);
  expect((await alice.call('DELETE', project())).status).toBe(404);
  await expect.poll(counts, { timeout: 60_000, interval: 500 }).toEqual(GONE);
  await expect.poll(() => api.prisma.project.count({ where: { id: alice.appid } })).toBe(0);
}, 90_000);

it('an entry point, whose name is free at once', async () => {
  await alice.call('POST', `${project()}/fls/entry_points`, { name: 'old' });
  await fill('old');
  const path = `${project()}/fls/entry_points/old`;
  expect((await alice.call('DELETE', path)).status).toBe(200);
  expect((await alice.call('GET', path)).status).toBe(404);
  expect((await alice.call('GET', `${project()}/fls/entry_points`)).body).toMatchObject({
    entryPointList: [{ name: 'live' }],
  });
  expect((await alice.call('POST', `${project()}/fls/entry_points`, { name: 'old' })).status).toBe(201);
  // Two rows of that name until the purge is done: every path leads to the new one.
  const { id } = await api.prisma.entryPoint.findFirstOrThrow({
    where: { projectId: alice.appid, name: 'old', deletedAt: null },
  });
  const { token } = (await alice.call('POST', `${path}/publish_tokens`)).body as { token: string };
  expect((await alice.call('PATCH', `${path}/settings/transfer`, { enabled: true })).status).toBe(200);
  expect(await api.prisma.entryPoint.findUniqueOrThrow({ where: { id } })).toMatchObject({ transferEnabled: true });
  expect((await alice.call('GET', `${project()}/fls/streams?entry_point=old`)).body).toMatchObject({ streams: [] });
  // The token opens it: it is refused for want of a node.
  expect(
    (
      await api.anonymous('POST', `/whip/${alice.appid}/old/x`, offer(), {
        authorization: `Bearer ${token}`,
        'content-type': 'application/sdp',
      })
    ).status,
  ).toBe(503);
  expect((await alice.call('POST', `${project()}/fls/entry_points`, { name: 'old' })).status).toBe(409);
  await expect.poll(counts, { timeout: 60_000, interval: 500 }).toEqual(GONE);
  await expect.poll(() => api.prisma.entryPoint.count({ where: { projectId: alice.appid } })).toBe(2);
}, 90_000);

it('a customer, whose secrets and sessions open nothing from then on', async () => {
  await fill('live');
  expect((await operator.call('DELETE', `/v1/customers/${alice.id}`)).status).toBe(204);
  expect((await alice.call('GET', '/v1/me')).status).toBe(401);
  expect((await operator.call('GET', `/v1/customers/${alice.id}`)).status).toBe(404);
  expect((await operator.call('GET', '/v1/customers?limit=200')).text).not.toContain(alice.id);
  expect((await operator.call('GET', project())).status).toBe(404);
  await expect.poll(counts, { timeout: 60_000, interval: 500 }).toEqual(GONE);
  await expect.poll(() => api.prisma.customer.count({ where: { id: alice.id } })).toBe(0);
}, 90_000);
