import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { startApp, type TestApp, type TestCustomer } from './support/app.js';
import { type ScriptedNode, startScriptedNode } from './support/scripted-node.js';

let api: TestApp;
let node: ScriptedNode;
let alice: TestCustomer;
let bob: TestCustomer;
let streamId: string;
const mediaDir = mkdtempSync(join(tmpdir(), 'media-'));

beforeAll(async () => {
  api = await startApp({ MEDIA_DIR: mediaDir });
  [alice, bob] = await Promise.all([api.customer(), api.customer()]);
  node = await startScriptedNode(api);
  mkdirSync(join(mediaDir, alice.appid));
  writeFileSync(join(mediaDir, alice.appid, 'jingle.wav'), '');
});
afterAll(async () => {
  await node?.stop();
  await api?.stop();
});
beforeEach(async () => {
  const entryPoint = await api.prisma.entryPoint.findFirstOrThrow({ where: { projectId: alice.appid } });
  await api.prisma.stream.updateMany({ data: { state: 'ended' } });
  ({ id: streamId } = await api.prisma.stream.create({
    data: { projectId: alice.appid, entryPointId: entryPoint.id, name: 's', state: 'live', ownerNode: 'node-1' },
  }));
  node.requests.length = 0;
});

const path = (rest = '') => `/v1/projects/${alice.appid}/fls/streams/${streamId}/transfers${rest}`;
const add = async (body: object) =>
  (await alice.call('POST', path(), body)).body as { id: string; state: string; url: string; options: object };
const URL = 'rtmp://127.0.0.1/live/KEY';

it('adds a transfer, tells the node, and shows no key', async () => {
  const answer = await alice.call('POST', path(), { url: URL, muted: true, height: 360 });
  expect(answer.status).toBe(201);
  expect(answer.body).toMatchObject({
    url: 'rtmp://127.0.0.1/live/***',
    state: 'pending',
    origin: 'api',
    options: { muted: true, height: 360 },
    reason: null,
    attempts: 0,
  });
  expect(node.requests).toEqual([['syncTransfers', { streamId }]]);
  expect(answer.text + (await alice.call('GET', path())).text).not.toContain('KEY');
  const { id } = answer.body as { id: string };
  expect((await alice.call('GET', path(`/${id}`))).body).toMatchObject({ id });
});

it.each([
  [{}, ['url']],
  [{ url: 7 }, ['url']],
  [{ url: 'http://x/y/z' }, ['url']],
  [{ url: 'rtmp://x/KEY' }, ['url']],
  [{ url: URL, muted: 'yes', fps: 0, nope: 1 }, ['muted', 'fps', 'nope']],
  [{ url: URL, sound: { file: '../x.wav' } }, ['sound']],
])('refuses %j', async (body, fields) => {
  const answer = await alice.call('POST', path(), body);
  expect(answer.status).toBe(400);
  expect((answer.body as { errors: { field: string }[] }).errors.map(({ field }) => field)).toEqual(fields);
  expect(answer.text).not.toContain('KEY');
});

it('changes options one by one; null clears', async () => {
  const { id } = await add({ url: URL, muted: true, height: 360 });
  const patch = async (body: object) => (await alice.call('PATCH', path(`/${id}`), body)).body as { options: object };
  expect((await patch({ paused: true })).options).toEqual({ muted: true, height: 360, paused: true });
  expect((await patch({ height: null, muted: false })).options).toEqual({ muted: false, paused: true });
  expect((await patch({})).options).toEqual({ muted: false, paused: true });
  expect((await patch({ url: 'rtmp://127.0.0.2/app/x' })) as object).toMatchObject({ url: 'rtmp://127.0.0.2/app/***' });
  expect((await alice.call('PATCH', path(`/${id}`), { nope: null })).status).toBe(400);
  expect((await alice.call('PATCH', path(`/${id}`), { url: null })).status).toBe(400);
});

it('knows the sounds of the project alone', async () => {
  const { id } = await add({ url: URL });
  expect((await alice.call('PATCH', path(`/${id}`), { sound: { file: 'jingle.wav', loop: true } })).status).toBe(200);
  expect((await alice.call('PATCH', path(`/${id}`), { sound: { file: 'other.wav' } })).body).toMatchObject({
    status: 404,
    code: 'sound_not_found',
  });
  expect((await alice.call('POST', path(), { url: 'rtmp://x/y/z', sound: { file: 'other.wav' } })).status).toBe(404);
  // A file that is gone is no hindrance to other wishes.
  rmSync(join(mediaDir, alice.appid, 'jingle.wav'));
  expect((await alice.call('PATCH', path(`/${id}`), { muted: true })).body).toMatchObject({
    options: { muted: true, sound: { file: 'jingle.wav' } },
  });
  expect((await alice.call('PATCH', path(`/${id}`), { sound: null })).status).toBe(200);
});

it('forwards to a URL once, and again after it was removed', async () => {
  const { id } = await add({ url: URL });
  expect((await alice.call('POST', path(), { url: URL })).body).toMatchObject({ status: 409, code: 'duplicate_url' });
  const other = await add({ url: 'rtmp://x/y/z' });
  expect((await alice.call('PATCH', path(`/${other.id}`), { url: URL })).status).toBe(409);
  expect((await alice.call('DELETE', path(`/${id}`))).status).toBe(204);
  expect((await alice.call('DELETE', path(`/${id}`))).status).toBe(204);
  expect((await alice.call('GET', path(`/${id}`))).body).toMatchObject({ state: 'ended', reason: { code: 'removed' } });
  expect((await alice.call('PATCH', path(`/${id}`), { muted: true })).status).toBe(409);
  expect((await alice.call('POST', path(`/${id}/retry`))).status).toBe(409);
  expect((await alice.call('POST', path(), { url: URL })).status).toBe(201);
});

it('asks the node to try now', async () => {
  const { id } = await add({ url: URL });
  expect((await alice.call('POST', path(`/${id}/retry`))).status).toBe(202);
  expect(node.requests.at(-1)).toEqual(['retryTransfer', { streamId, transferId: id }]);
  await api.prisma.stream.update({ where: { id: streamId }, data: { ownerNode: 'gone' } });
  expect((await alice.call('POST', path(`/${id}/retry`))).status).toBe(503);
});

it('has room for 50, also when many come at once', async () => {
  const answers = await Promise.all(
    Array.from({ length: 55 }, (_, i) => alice.call('POST', path(), { url: `rtmp://127.0.0.1/live/${i}` })),
  );
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(50);
  expect(answers.find(({ status }) => status !== 201)?.body).toMatchObject({ status: 403, code: 'quota_exceeded' });
});

/** Transfers of this stream that have ended. */
const ended = (count: number) => api.prisma.$executeRaw`
  INSERT INTO transfers (id, stream_id, url, redacted_url, url_hash, state, ended_at)
  SELECT ('00000000-0000-7000-8000-' || lpad(i::text, 12, '0'))::uuid, ${streamId}::uuid, 'v1.sealed', 'rtmp://p/live/***', i::text, 'ended', now() FROM generate_series(1, ${count}) AS i`;

it('are listed page by page, and counted without being read', async () => {
  await ended(230);
  const page = async (query: string) =>
    (await alice.call('GET', path(query))).body as { transfers: { id: string }[]; nextCursor: string | null };
  const first = await page('');
  expect(first.transfers).toHaveLength(200);
  const second = await page(`?cursor=${first.nextCursor}`);
  expect([second.transfers.length, second.nextCursor]).toEqual([30, null]);
  expect(new Set([...first.transfers, ...second.transfers].map(({ id }) => id)).size).toBe(230);
  expect((await page('?limit=1000')).transfers).toHaveLength(230);
  const { id } = await add({ url: URL });
  const stream = (await alice.call('GET', path().replace('/transfers', ''))).body as { transfers: object };
  expect(stream.transfers).toEqual({ ended: 230, pending: 1 });
  const { streams } = (await alice.call('GET', `/v1/projects/${alice.appid}/fls/streams?limit=1&state=live`)).body as {
    streams: object[];
  };
  expect(streams).toMatchObject([{ id: streamId, transfers: { ended: 230, pending: 1 } }]);
  await api.prisma.transfer.deleteMany({ where: { id: { not: id } } });
});

it('have an end, however often they are added and removed', async () => {
  await ended(999);
  const { id } = await add({ url: URL });
  await alice.call('DELETE', path(`/${id}`));
  expect((await alice.call('POST', path(), { url: URL })).body).toMatchObject({ status: 403, code: 'quota_exceeded' });
  await api.prisma.transfer.deleteMany();
});

it('belongs to a running stream of the caller', async () => {
  const { id } = await add({ url: URL });
  for (const [method, rest, body] of [
    ['GET', ''],
    ['POST', '', { url: URL }],
    ['GET', `/${id}`],
    ['PATCH', `/${id}`, {}],
    ['DELETE', `/${id}`],
    ['POST', `/${id}/retry`],
  ] as const) {
    expect((await bob.call(method, path(rest), body)).status).toBe(404);
    expect((await bob.call(method, path(rest).replace(alice.appid, bob.appid), body)).status).toBe(404);
  }
  await api.prisma.stream.update({ where: { id: streamId }, data: { state: 'ended' } });
  expect((await alice.call('POST', path(), { url: 'rtmp://x/y/z' })).status).toBe(409);
  expect((await alice.call('GET', path(`/${id}`))).status).toBe(200);
  expect((await alice.call('GET', path('/00000000-0000-7000-8000-000000000000'))).status).toBe(404);
});
