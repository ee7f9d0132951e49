import { getQueueToken } from '@nestjs/bullmq';
import type { Queue } from 'bullmq';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Sweeper } from '../apps/api/src/streams/sweeper/sweeper.js';
import type { CallbackState, Prisma, StreamState } from '../libs/db/src/index.js';
import { CALLBACKS_QUEUE } from '../libs/queue/src/index.js';
import { startApp, type TestApp, type TestCustomer } from './support/app.js';
import { type CallbackServer, json, startCallbackServer } from './support/callback-server.js';
import { startScriptedNode } from './support/scripted-node.js';

const LEASE_MS = 1500;
const ORPHAN_TIMEOUT_MS = 30_000;
let api: TestApp;
let alice: TestCustomer;
let customer: CallbackServer;
let data: { projectId: string; entryPointId: string; createdAt: Date; ownerNode: string; state: StreamState };

beforeAll(async () => {
  api = await startApp({ LEASE_MS: String(LEASE_MS), ORPHAN_TIMEOUT_MS: String(ORPHAN_TIMEOUT_MS) });
  alice = await api.customer();
  customer = await startCallbackServer();
  await alice.call('PATCH', `/v1/projects/${alice.appid}/fls/entry_points/live/settings/transfer`, {
    enabled: true,
    callbackUrl: customer.url,
  });
  const entryPoint = await api.prisma.entryPoint.findFirstOrThrow({ where: { projectId: alice.appid } });
  data = {
    projectId: alice.appid,
    entryPointId: entryPoint.id,
    createdAt: new Date(Date.now() - 60_000),
    ownerNode: 'node-1',
    state: 'live',
  };
});
afterAll(async () => {
  await customer?.stop();
  await api?.stop();
});

const create = (name: string, more: Partial<Prisma.StreamUncheckedCreateInput> = {}) =>
  api.prisma.stream.create({ data: { ...data, name, ...more } });
const sweep = () => api.app.get(Sweeper).sweep();
const view = async (id: string) => {
  const { body } = await alice.call('GET', `/v1/projects/${alice.appid}/fls/streams/${id}`);
  return body as { state: StreamState; reason: { code: string } | null; callback: { state: CallbackState } };
};

it('ends a stream that no node ever claimed, and leaves one that only just began', async () => {
  const abandoned = await create('abandoned', { state: 'starting', ownerNode: null });
  const fresh = await create('fresh', { state: 'starting', ownerNode: null, createdAt: new Date() });
  await sweep();
  expect(await view(abandoned.id)).toMatchObject({ state: 'ended', reason: { code: 'no_answer' } });
  expect(await view(fresh.id)).toMatchObject({ state: 'starting' });
});

it('ends streams whose node went away, but none whose node renews its lease after an outage of the database', async () => {
  const leaseUntil = new Date(Date.now() - 60_000);
  const transfers = { create: { url: 'sealed', redactedUrl: 'rtmp://x/live/***', urlHash: 'hash' } };
  const lost = await create('lost', {
    epoch: 3,
    leaseUntil,
    transfers,
    sessions: { create: { id: 'lost', etag: 'e', offer: 'v=0' } },
  });
  const renewed = await create('renewed', { epoch: 7, leaseUntil });
  // Its worker may be back yet, and its pipeline forwards: the name must not be given to another.
  const away = await create('away', { epoch: 1, leaseUntil: new Date(Date.now() - ORPHAN_TIMEOUT_MS) });
  await sweep();
  // The first look after an outage: every lease has run out.
  expect([(await view(lost.id)).state, (await view(renewed.id)).state]).toEqual(['live', 'live']);
  await api.prisma.stream.update({ where: { id: renewed.id }, data: { leaseUntil: new Date(Date.now() + 60_000) } });
  await expect
    .poll(async () => (await sweep(), view(lost.id)), { timeout: 3 * LEASE_MS })
    .toMatchObject({ state: 'ended', reason: { code: 'node_lost' } });
  // The epoch fences off a node that was only asleep.
  expect(
    await api.prisma.stream.findUnique({ where: { id: lost.id }, include: { transfers: true, sessions: true } }),
  ).toMatchObject({
    epoch: 4,
    transfers: [{ state: 'ended', reason: 'stream_ended' }],
    sessions: [{ endedAt: expect.any(Date), offer: null }],
  });
  for (const { id } of [renewed, away]) expect(await view(id)).toMatchObject({ state: 'live' });
});

it('tells the node of a lost stream: one that is cut off from Postgres alone stops it', async () => {
  const node = await startScriptedNode(api);
  const { id } = await create('cut-off', { leaseUntil: new Date(Date.now() - 60_000) });
  await expect
    .poll(async () => (await sweep(), view(id)), { timeout: 3 * LEASE_MS })
    .toMatchObject({ state: 'ended', reason: { code: 'node_lost' } });
  await expect.poll(() => node.requests).toContainEqual(['endStream', { streamId: id, reason: 'node_lost' }]);
  await node.stop();
});

it('repeats a callback whose job was lost, among any number that wait', async () => {
  const queue = api.app.get<Queue>(getQueueToken(CALLBACKS_QUEUE));
  const waiting = await Promise.all(
    Array.from({ length: 150 }, (_, i) =>
      create(`waiting-${i}`, { callbackState: 'retrying', callbackReason: 'callback_status' }),
    ),
  );
  await queue.addBulk(
    waiting.map(({ id }) => ({ name: 'ask', data: { streamId: id }, opts: { jobId: id, delay: 3_600_000 } })),
  );
  customer.reply = json({ transferUrls: ['rtmp://127.0.0.1/live/x'] });
  const missing = await create('missing', { callbackState: 'pending' });
  await sweep();
  await expect
    .poll(() => view(missing.id))
    .toMatchObject({ callback: { state: 'answered' }, transfers: { pending: 1 } });
  // Nobody else was asked a second time.
  expect(customer.requests.map(({ url }) => new URL(url, 'http://c').searchParams.get('stream_name'))).toEqual([
    'missing',
  ]);
});
