import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Prisma } from '../libs/db/src/index.js';
import { Registry } from '../libs/queue/src/index.js';
import { startApp, type TestApp, type TestCustomer } from './support/app.js';
import { type ScriptedNode, startScriptedNode } from './support/scripted-node.js';

let api: TestApp;
let node: ScriptedNode;
let alice: TestCustomer;
let bob: TestCustomer;
let operator: TestCustomer;
let names = 0;

beforeAll(async () => {
  api = await startApp();
  [alice, bob, operator] = await Promise.all([api.customer(), api.customer(), api.customer('operator')]);
  node = await startScriptedNode(api);
});
afterAll(async () => {
  await node?.stop();
  await api?.stop();
});
beforeEach(() => {
  node.endScript = 'answer';
  node.requests.length = 0;
});

const path = (id: string, rest = '') => `/v1/projects/${alice.appid}/fls/streams/${id}${rest}`;
const get = async (id: string, who = alice) => (await who.call('GET', path(id))).body as Record<string, unknown>;

async function create(more: Partial<Prisma.StreamUncheckedCreateInput> = {}) {
  const entryPoint = await api.prisma.entryPoint.findFirstOrThrow({ where: { projectId: alice.appid } });
  return api.prisma.stream.create({
    data: {
      projectId: alice.appid,
      entryPointId: entryPoint.id,
      name: `s${(names += 1)}`,
      state: 'live',
      ownerNode: 'node-1',
      ...more,
    },
  });
}
const transfer = (streamId: string, more: Partial<Prisma.TransferUncheckedCreateInput> = {}) =>
  api.prisma.transfer.create({
    data: {
      streamId,
      url: 'v1.sealed',
      redactedUrl: 'rtmp://p/live/***',
      urlHash: String(Math.random()),
      state: 'live',
      ...more,
    },
  });

it('says everything of a stream, and of its transfers, with live figures', async () => {
  const stream = await create({
    callbackState: 'retrying',
    callbackReason: 'callback_status',
    callbackDetail: 'it answered 503',
    startedAt: new Date(),
  });
  const live = await transfer(stream.id, { liveAt: new Date(), attempts: 1 });
  const failing = await transfer(stream.id, {
    state: 'reconnecting',
    reason: 'publish_denied',
    blame: 'customer',
    retryable: true,
    reasonDetail: 'bad key',
    attempts: 3,
    nextRetryAt: new Date(),
  });
  const figures = { input: { kbps: 2500 }, transfers: { [live.id]: { kbps: 2400 } } };
  await api.app.get(Registry).putFigures('node-1', new Map([[stream.id, figures]]));
  const expected = {
    id: stream.id,
    name: stream.name,
    entryPoint: 'live',
    state: 'live',
    reason: null,
    callback: {
      state: 'retrying',
      reason: {
        code: 'callback_status',
        text: 'The callback server did not answer 200.',
        blame: 'customer',
        retryable: true,
        detail: 'it answered 503',
      },
    },
    transfers: { live: 1, reconnecting: 1 },
    createdAt: stream.createdAt.toISOString(),
    startedAt: stream.startedAt?.toISOString(),
    endedAt: null,
    figures: figures.input,
  };
  expect(await get(stream.id)).toEqual(expected);
  // Which machine it is concerns nobody but those who run it.
  expect(await get(stream.id, operator)).toEqual({ ...expected, node: 'node-1' });
  const { streams } = (await alice.call('GET', `/v1/projects/${alice.appid}/fls/streams?limit=1`)).body as {
    streams: unknown[];
  };
  expect(streams).toEqual([expected]);
  const { transfers } = (await alice.call('GET', path(stream.id, '/transfers'))).body as { transfers: unknown[] };
  expect(transfers).toMatchObject([
    {
      id: live.id,
      url: 'rtmp://p/live/***',
      origin: 'callback',
      state: 'live',
      reason: null,
      attempts: 1,
      nextRetryAt: null,
      liveAt: live.liveAt?.toISOString(),
      endedAt: null,
      figures: { kbps: 2400 },
    },
    {
      id: failing.id,
      state: 'reconnecting',
      reason: { code: 'publish_denied', blame: 'customer', retryable: true, detail: 'bad key' },
      nextRetryAt: failing.nextRetryAt?.toISOString(),
      figures: null,
    },
  ]);
});

it('shows an ended stream with its last figures', async () => {
  const stream = await create({ state: 'ended', reason: 'publisher_left', endedAt: new Date(), figures: { kbps: 1 } });
  await api.app.get(Registry).putFigures('node-1', new Map([[stream.id, { input: { kbps: 2 }, transfers: {} }]]));
  expect(await get(stream.id)).toMatchObject({
    state: 'ended',
    reason: { code: 'publisher_left', blame: 'publisher' },
    endedAt: stream.endedAt?.toISOString(),
    figures: { kbps: 1 },
  });
});

it('shows a reason that only a newer version knows', async () => {
  const { id } = await create({ state: 'ended', reason: 'constructor' });
  expect(await get(id)).toMatchObject({
    reason: { code: 'constructor', text: 'constructor', blame: 'service', retryable: false },
  });
});

it.each([
  ['refuses', { refuse: 'internal', message: 'it broke' }],
  ['has forgotten it', { refuse: 'unknown_stream', message: 'x' }],
] as const)('ends a stream whose node %s', async (_, script) => {
  node.endScript = script;
  const { id } = await create({ epoch: 4 });
  const running = await transfer(id, { reasonDetail: 'x' });
  const failed = await transfer(id, { state: 'failed', reason: 'address_forbidden', nextRetryAt: new Date() });
  expect((await alice.call('DELETE', path(id))).status).toBe(204);
  expect(node.requests).toEqual([['endStream', { streamId: id, reason: 'kicked' }]]);
  expect(await get(id)).toMatchObject({ state: 'ended', reason: { code: 'kicked', blame: 'nobody' } });
  expect(await api.prisma.stream.findUnique({ where: { id } })).toMatchObject({ epoch: 5, leaseUntil: null });
  expect(await api.prisma.transfer.findUnique({ where: { id: running.id } })).toMatchObject({
    state: 'ended',
    reason: 'stream_ended',
    reasonDetail: null,
  });
  // What failed still says why.
  expect(await api.prisma.transfer.findUnique({ where: { id: failed.id } })).toMatchObject({
    state: 'failed',
    reason: 'address_forbidden',
    nextRetryAt: null,
    endedAt: expect.any(Date),
  });
  expect((await alice.call('DELETE', path(id))).status).toBe(204);
});

it('ends a stream that no node has claimed yet', async () => {
  const { id } = await create({ state: 'starting', ownerNode: null });
  expect((await alice.call('DELETE', path(id))).status).toBe(204);
  expect(await get(id)).toMatchObject({ state: 'ended', reason: { code: 'kicked' } });
  expect(node.requests).toEqual([]);
});

it('another customer gets 404, and ends nothing', async () => {
  const { id } = await create();
  for (const [method, rest] of [
    ['GET', ''],
    ['GET', '/transfers'],
    ['DELETE', ''],
  ] as const) {
    expect((await bob.call(method, path(id, rest))).status).toBe(404);
    expect((await bob.call(method, path(id, rest).replace(alice.appid, bob.appid))).status).toBe(404);
  }
  expect(await get(id)).toMatchObject({ state: 'live' });
  expect((await operator.call('DELETE', path(id))).status).toBe(204);
});
