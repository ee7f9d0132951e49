// What a worker does with changes that Postgres refuses, or that cannot be written before the process ends.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { endStream } from '../apps/api/src/streams/end-stream.js';
import { type LeasedStream, StreamRows } from '../apps/worker/src/streams/stream-rows.js';
import { StreamWriter } from '../apps/worker/src/streams/stream-writer.js';
import { Env } from '../libs/config/src/index.js';
import { HotSql, PrismaService } from '../libs/db/src/index.js';
import { startApp, type TestApp } from './support/app.js';
import { startTcpProxy, type TcpProxy } from './support/tcp-proxy.js';

let api: TestApp;
let proxy: TcpProxy;
let runDir: string;
/** Of the worker: through the proxy. */
let prisma: PrismaService;
let sql: HotSql;
let rows: StreamRows;
let entryPoint: { id: string; projectId: string };
let names = 0;

beforeAll(async () => {
  api = await startApp();
  const { appid } = await api.customer();
  entryPoint = await api.prisma.entryPoint.findFirstOrThrow({ where: { projectId: appid } });
  const proxied = new URL(process.env.DATABASE_URL as string);
  proxy = await startTcpProxy(Number(proxied.port));
  proxied.host = `127.0.0.1:${proxy.port}`;
  runDir = mkdtempSync(join(tmpdir(), 'mcj-'));
  const env = Object.assign(new Env(), { DATABASE_URL: proxied.href, NODE_ID: 'node-a', RUN_DIR: runDir });
  prisma = new PrismaService(env);
  sql = new HotSql(env, prisma);
  rows = new StreamRows(prisma, sql, env);
});
afterAll(async () => {
  await sql?.onApplicationShutdown();
  await prisma?.$disconnect();
  await proxy?.stop();
  await api?.stop();
  if (runDir) rmSync(runDir, { recursive: true });
});

async function newStream(): Promise<{ leased: LeasedStream; transferId: string; writer: StreamWriter }> {
  const { projectId, id: entryPointId } = entryPoint;
  const { id } = await api.prisma.stream.create({
    data: {
      projectId,
      entryPointId,
      name: `s${(names += 1)}`,
      state: 'connecting',
      ownerNode: 'node-a',
      epoch: 1,
      callbackState: 'retrying',
      callbackReason: 'callback_timeout',
    },
  });
  const transfer = await api.prisma.transfer.create({
    data: { streamId: id, url: 'x', redactedUrl: 'rtmp://x/***', urlHash: 'x' },
  });
  const leased = { id, projectId, epoch: 1 };
  return { leased, transferId: transfer.id, writer: new StreamWriter(leased, rows, async () => undefined) };
}
const row = (id: string) => api.prisma.stream.findUniqueOrThrow({ where: { id }, include: { transfers: true } });
const status = (id: string, state: 'failed' | 'live', detail: string | null) =>
  ({
    id,
    state,
    reason: state === 'live' ? null : 'publish_denied',
    detail,
    attempts: 1,
    nextRetryAt: null,
    liveAt: null,
  }) as const;
const FINAL = { input: { bitrate: 7 }, transfers: {} } as never;

it('a change that Postgres refuses is dropped, and the others are written', async () => {
  const { leased, transferId, writer } = await newStream();
  // Text of Postgres has no character 0; a platform's answer may have one.
  writer.transferChanged(status(transferId, 'failed', 'no\0'));
  writer.streamChanged({ state: 'live' }, { type: 'stream.live' });
  await expect.poll(() => row(leased.id)).toMatchObject({ state: 'live', transfers: [{ state: 'pending' }] });
  writer.transferChanged(status(transferId, 'live', null));
  await expect.poll(() => row(leased.id)).toMatchObject({ transfers: [{ state: 'live' }] });
  expect(await writer.settle(10_000)).toBe(true);
  expect(
    (await api.prisma.event.findMany({ where: { streamId: leased.id }, orderBy: { id: 'asc' } })).map(
      ({ type }) => type,
    ),
  ).toEqual(['stream.live', 'transfer.state']);
});

it('an end whose detail Postgres refuses is written without it', async () => {
  const { leased, writer } = await newStream();
  await writer.end('negotiation_failed', 'no\0', FINAL, 10_000);
  expect(await row(leased.id)).toMatchObject({ state: 'ended', reason: 'negotiation_failed', reasonDetail: null });
});

it('the end of a stream says that its callback failed, when it was never answered', async () => {
  const [byWorker, byApi] = [await newStream(), await newStream()];
  await byWorker.writer.end('publisher_left', null, null, 10_000);
  await endStream(api.prisma, byApi.leased.id, { reason: 'kicked' });
  for (const { leased } of [byWorker, byApi])
    expect(await row(leased.id)).toMatchObject({ callbackState: 'failed', callbackReason: 'callback_timeout' });
});

it('an end that cannot be written is written later, also when the API has meanwhile ended the stream without knowing why', async () => {
  const [alone, lost, kicked] = [await newStream(), await newStream(), await newStream()];
  proxy.cut();
  try {
    const ends = [alone, lost, kicked].map(({ writer }) => writer.end('service_shutdown', null, FINAL, 500));
    expect((await Promise.allSettled(ends)).map(({ status: outcome }) => outcome)).toEqual([
      'rejected',
      'rejected',
      'rejected',
    ]);
  } finally {
    proxy.restore();
  }
  await endStream(api.prisma, lost.leased.id, { reason: 'node_lost' });
  await endStream(api.prisma, kicked.leased.id, { reason: 'kicked' });
  await rows.writeKeptEnds();
  expect(await row(alone.leased.id)).toMatchObject({
    state: 'ended',
    reason: 'service_shutdown',
    epoch: 1,
    figures: { bitrate: 7 },
  });
  expect(await row(lost.leased.id)).toMatchObject({
    state: 'ended',
    reason: 'service_shutdown',
    epoch: 2,
    figures: { bitrate: 7 },
  });
  expect(await row(kicked.leased.id)).toMatchObject({ state: 'ended', reason: 'kicked', epoch: 2 });
  expect(readdirSync(runDir)).toEqual([]);
});
