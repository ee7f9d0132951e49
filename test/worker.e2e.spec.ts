import { NestFactory } from '@nestjs/core';
import type { INestApplicationContext } from '@nestjs/common';
import { Queue } from 'bullmq';
import { Client } from 'pg';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { createProject } from '../apps/api/src/tenants/project/new-project.js';
import { LeaseService } from '../apps/worker/src/streams/lease.service.js';
import { PipelineProgram } from '../apps/worker/src/supervisor/pipeline-starter.js';
import { Runners } from '../apps/worker/src/streams/runners.js';
import { StreamRows } from '../apps/worker/src/streams/stream-rows.js';
import { WorkerModule } from '../apps/worker/src/worker.module.js';
import { WorkerService } from '../apps/worker/src/worker.service.js';
import { Env } from '../libs/config/src/index.js';
import { PrismaService, SecretBox } from '../libs/db/src/index.js';
import type { PublishAnswer } from '#libs/protocol';
import { Registry, STREAMS_QUEUE, type StreamJob, Wire } from '../libs/queue/src/index.js';
import { testEnvironment } from './support/app.js';
import { startTcpProxy, type TcpProxy } from './support/tcp-proxy.js';

const PIPELINE = join(import.meta.dirname, 'support/scripted-pipeline.mjs');
/** Straight to the database, whatever the proxy does. */
let prisma: PrismaService;
let box: SecretBox;
let wire: Wire;
let queue: Queue<StreamJob>;
let proxy: TcpProxy;
let drop: () => Promise<void>;
let runDir: string;
let direct: string;
let entryPoint: { id: string; projectId: string };
const workers: INestApplicationContext[] = [];
let names = 0;

beforeAll(async () => {
  const made = await testEnvironment({
    ANSWER_TIMEOUT_MS: '5000',
    LEASE_MS: '3000',
    WARM_PIPELINES: '0',
    NODE_SLOTS: '3',
    ORPHAN_TIMEOUT_MS: '5000',
  });
  drop = made.drop;
  direct = made.env.DATABASE_URL as string;
  proxy = await startTcpProxy(Number(new URL(direct).port));
  const proxied = new URL(direct);
  proxied.host = `127.0.0.1:${proxy.port}`;
  Object.assign(process.env, made.env, { DATABASE_URL: proxied.href });
  prisma = new PrismaService({ DATABASE_URL: direct } as Env);
  box = new SecretBox(made.env.MASTER_KEYS as string);
  wire = new Wire(Object.assign(new Env(), made.env));
  await wire.ready();
  queue = new Queue(STREAMS_QUEUE, {
    connection: { url: made.env.REDIS_URL },
    prefix: `${made.env.REDIS_PREFIX}:bull`,
  });
  await prisma.customer.create({ data: { id: 'c', name: 'c' } });
  const { id } = await createProject(prisma, 'c', 'p', box);
  entryPoint = await prisma.entryPoint.findFirstOrThrow({ where: { projectId: id } });
});
afterAll(async () => {
  await queue.close();
  wire.onApplicationShutdown();
  await prisma.$disconnect();
  await proxy.stop();
  await drop();
});
beforeEach(() => {
  // Short: the path of a Unix socket has 107 bytes.
  runDir = mkdtempSync(join(tmpdir(), 'mcw-'));
});
afterEach(async () => {
  proxy.restore();
  await Promise.all(workers.splice(0).map((worker) => worker.close()));
  rmSync(runDir, { recursive: true });
});

async function startWorker(nodeId: string, settings: Record<string, string> = {}): Promise<INestApplicationContext> {
  Object.assign(
    process.env,
    { NODE_ID: nodeId, RUN_DIR: runDir, NODE_SLOTS: '3', ANSWER_TIMEOUT_MS: '5000', PIPELINE_MEMORY_MB: '1536' },
    settings,
  );
  const worker = await NestFactory.createApplicationContext(WorkerModule, {
    logger: process.env.TEST_LOG_LEVEL ? undefined : false,
  });
  worker.get(PipelineProgram).file = PIPELINE;
  workers.push(worker);
  return worker;
}

/** A stream row with its session, as the API writes them. */
async function newStream(offer = 'answer', urls: string[] = []) {
  const name = `w${(names += 1)}`;
  const sessionId = `session-${names}-${process.pid}`;
  const { id } = await prisma.stream.create({
    data: {
      projectId: entryPoint.projectId,
      entryPointId: entryPoint.id,
      name,
      sessions: { create: { id: sessionId, offer, etag: 'x' } },
    },
  });
  for (const url of urls) await addTransfer(id, url);
  return { id, sessionId };
}
const addTransfer = (streamId: string, url: string) =>
  prisma.transfer.create({
    data: { streamId, url: box.seal(url, `transfer:${streamId}`), redactedUrl: 'rtmp://x/***', urlHash: url },
  });

/** Offers the stream to the workers and waits for the answer, as the API does. */
async function dispatch(
  { id, sessionId }: { id: string; sessionId: string },
  timeoutMs = 10_000,
): Promise<PublishAnswer> {
  const reply = wire.expect<PublishAnswer>(sessionId, timeoutMs);
  await queue.add('publish', { streamId: id, sessionId, replyTo: wire.replyTo }, { jobId: sessionId });
  return reply.promise;
}
const row = (id: string) =>
  prisma.stream.findUniqueOrThrow({
    where: { id },
    include: { sessions: true, transfers: { orderBy: { id: 'asc' } } },
  });
const pidOf = ({ sdp }: PublishAnswer) => Number(/\d+$/.exec(sdp)?.[0]);
const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};
/** The commands that the only pipeline of this test got. */
const commands = () =>
  readdirSync(runDir)
    .filter((name) => name.endsWith('.ops'))
    .flatMap((name) =>
      readFileSync(join(runDir, name), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as [string, Record<string, unknown>]),
    );

it('shows a picture of a stream, decoded no more often than every few seconds', async () => {
  await startWorker('node-pictures');
  const stream = await newStream();
  await dispatch(stream);
  const ask = async () =>
    Buffer.from(
      (await wire.ask('node-pictures', 'thumbnail', { streamId: stream.id }, 2000)).jpeg ?? '',
      'base64',
    ).toString();
  expect(await Promise.all([ask(), ask()])).toEqual(['picture 1', 'picture 1']);
  expect(await ask()).toBe('picture 1');
  expect(commands().filter(([op]) => op === 'thumbnail')).toHaveLength(1);
  await expect.poll(ask, { timeout: 6000 }).toBe('picture 2');
  await expect(wire.ask('node-pictures', 'thumbnail', { streamId: entryPoint.id }, 2000)).rejects.toMatchObject({
    code: 'unknown_stream',
  });
});

it('takes a stream: claims it, answers, forwards, and writes what happens', async () => {
  const worker = await startWorker('node-a');
  const stream = await newStream('answer', [
    'rtmp://x/live/live',
    'rtmp://x/live/reconnecting-tcp_refused',
    'rtmp://x/live/failed-publish_denied',
  ]);
  const answer = await dispatch(stream);
  await expect
    .poll(() => row(stream.id))
    .toMatchObject({
      state: 'live',
      ownerNode: 'node-a',
      epoch: 1,
      startedAt: expect.any(Date),
      sessions: [{ offer: null }],
      transfers: [
        { state: 'live', reason: null, blame: null },
        { state: 'reconnecting', reason: 'tcp_refused', blame: 'platform', retryable: true },
        { state: 'failed', reason: 'publish_denied', blame: 'customer', retryable: true },
      ],
    });
  expect((await row(stream.id)).leaseUntil?.getTime()).toBeGreaterThan(Date.now());
  expect(await worker.get(Registry).figures([stream.id])).toEqual(
    new Map([[stream.id, { input: { bitrate: 7 }, transfers: {} }]]),
  );
  const [, claim] = commands().find(([op]) => op === 'claim') as [string, object];
  expect(claim).toMatchObject({
    streamId: stream.id,
    epoch: 1,
    settings: { allowedPrivateHosts: expect.stringMatching(/^127\.0\.0\.1(,|$)/) as string, reconnectWindowMs: 15_000 },
  });

  // A transfer that is added later.
  await addTransfer(stream.id, 'rtmp://x/live/connecting');
  await wire.ask('node-a', 'syncTransfers', { streamId: stream.id }, 2000);
  await expect.poll(async () => (await row(stream.id)).transfers[3]?.state).toBe('connecting');
  // And one that the API has ended: its totals are kept.
  const [, , denied] = (await row(stream.id)).transfers;
  await prisma.transfer.update({
    where: { id: denied?.id },
    data: { state: 'ended', reason: 'removed', endedAt: new Date() },
  });
  await wire.ask('node-a', 'syncTransfers', { streamId: stream.id }, 2000);
  await expect
    .poll(async () => (await row(stream.id)).transfers[2])
    .toMatchObject({ state: 'ended', reason: 'removed', figures: { bytesSent: 21 } });
  expect(await wire.ask('node-a', 'restartIce', { sessionId: stream.sessionId, fragment: 'x' }, 2000)).toEqual({
    fragment: 'ours',
  });

  await wire.ask('node-a', 'endSession', { sessionId: stream.sessionId, reason: 'publisher_left' }, 2000);
  await expect
    .poll(() => row(stream.id))
    .toMatchObject({
      state: 'ended',
      reason: 'publisher_left',
      figures: { bitrate: 1 },
      leaseUntil: null,
      transfers: [
        { state: 'ended', figures: { bytesSent: 42 } },
        { state: 'ended' },
        { state: 'ended', reason: 'removed', figures: { bytesSent: 21 } },
        { state: 'ended' },
      ],
    });
  await expect.poll(() => isAlive(pidOf(answer))).toBe(false);
  const events = await prisma.event.findMany({ where: { streamId: stream.id }, orderBy: { id: 'asc' } });
  expect(events.map(({ type }) => type)).toEqual(
    expect.arrayContaining(['stream.live', 'transfer.state', 'stream.ended']),
  );
  expect(worker.get(Runners).used).toBe(0);
  await expect(wire.ask('node-a', 'syncTransfers', { streamId: stream.id }, 2000)).rejects.toMatchObject({
    code: 'unknown_stream',
  });
  await expect(wire.ask('node-a', 'restartIce', { sessionId: 'nope', fragment: '' }, 2000)).rejects.toMatchObject({
    code: 'unknown_session',
  });
});

it('writes of each session whether it was heard and how it ended, not only of the stream', async () => {
  await startWorker('node-a');
  const stream = await newStream();
  await dispatch(stream);
  const add = async (id: string, offer: string) => {
    await prisma.session.create({ data: { id: `${id}-${stream.sessionId}`, streamId: stream.id, offer, etag: 'x' } });
    await wire.ask('node-a', 'publish', { streamId: stream.id, sessionId: `${id}-${stream.sessionId}` }, 2000);
  };
  const sessions = async () =>
    Object.fromEntries(
      (await row(stream.id)).sessions.map(({ id, heardAt, endedAt, reason }) => [
        id === stream.sessionId ? 'first' : id.split('-')[0],
        [heardAt !== null, endedAt !== null, reason],
      ]),
    );
  await expect.poll(sessions).toEqual({ first: [true, false, null] });
  // Neither of these has media of its own, though the stream is live.
  await add('quiet', 'medialess');
  await add('lost', 'givenup');
  await expect
    .poll(sessions)
    .toEqual({ first: [true, false, null], quiet: [false, false, null], lost: [false, true, 'ice_timeout'] });
  await add('second', 'answer');
  await expect.poll(sessions).toEqual({
    first: [true, true, 'taken_over'],
    quiet: [false, false, null],
    lost: [false, true, 'ice_timeout'],
    second: [true, false, null],
  });
  expect((await row(stream.id)).state).toBe('live');
});

it('claims a stream once, however often its job runs', async () => {
  await startWorker('node-a');
  const stream = await newStream();
  await dispatch(stream);
  await queue.add(
    'publish',
    { streamId: stream.id, sessionId: stream.sessionId, replyTo: wire.replyTo },
    { jobId: 'again' },
  );
  await expect.poll(() => queue.getJobState('again')).toMatch(/completed|unknown/);
  await expect.poll(() => row(stream.id)).toMatchObject({ epoch: 1, state: 'live' });
  expect(commands().filter(([op]) => op === 'claim')).toHaveLength(1);
});

it('leaves a job to a node with room when it is full', async () => {
  // The second node takes its time to start on a busy machine.
  const full = await startWorker('node-full', { NODE_SLOTS: '1', ANSWER_TIMEOUT_MS: '10000' });
  const first = await newStream();
  await dispatch(first);
  expect(full.get(Runners).used).toBe(1);
  const second = await newStream();
  await expect(dispatch(second, 600)).rejects.toThrow('no answer');
  await prisma.stream.update({ where: { id: second.id }, data: { state: 'ended' } });
  const third = await newStream();
  const waiting = dispatch(third);
  await startWorker('node-free', { RUN_DIR: join(runDir, 'free') });
  await waiting;
  expect((await row(third.id)).ownerNode).toBe('node-free');
  // And within the time that publishers have, however often the full node looks.
  const fourth = await newStream();
  await dispatch(fourth, 5000);
  expect((await row(fourth.id)).ownerNode).toBe('node-free');
});

it('leaves a job to a node with room also when its own clock is an hour ahead', async () => {
  await startWorker('node-full', { NODE_SLOTS: '1' });
  await dispatch(await newStream());
  const stream = await newStream();
  const reply = wire.expect<PublishAnswer>(stream.sessionId, 20_000);
  reply.promise.catch(() => undefined);
  const hourAgo = Date.now();
  vi.useFakeTimers({ toFake: ['Date'], now: hourAgo + 3_600_000 });
  try {
    await queue.add(
      'publish',
      { streamId: stream.id, sessionId: stream.sessionId, replyTo: wire.replyTo },
      { jobId: stream.sessionId, timestamp: hourAgo },
    );
    await expect
      .poll(async () => (await queue.getJob(stream.sessionId))?.attemptsStarted, { timeout: 10_000 })
      .toBeGreaterThan(1);
  } finally {
    vi.useRealTimers();
  }
  await startWorker('node-free', { RUN_DIR: join(runDir, 'free') });
  await reply.promise;
  expect((await row(stream.id)).ownerNode).toBe('node-free');
});

it('ends no session as given up because its own clock is ahead', async () => {
  await startWorker('node-a');
  const stream = await newStream();
  const young = await prisma.session.create({ data: { id: `young-${process.pid}`, streamId: stream.id, etag: 'x' } });
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 });
  try {
    await dispatch(stream);
    await expect
      .poll(async () => (await row(stream.id)).sessions.find(({ id }) => id === stream.sessionId)?.heardAt, {
        timeout: 10_000,
      })
      .not.toBeNull();
  } finally {
    vi.useRealTimers();
  }
  expect(await prisma.session.findUnique({ where: { id: young.id } })).toMatchObject({ endedAt: null, reason: null });
});

it('drops the job of a stream that nobody waits for any more, full as it is', async () => {
  await startWorker('node-full', { NODE_SLOTS: '1' });
  await dispatch(await newStream());
  const stream = await newStream();
  await expect(dispatch(stream, 600)).rejects.toThrow('no answer');
  await prisma.stream.update({ where: { id: stream.id }, data: { state: 'ended' } });
  await expect.poll(() => queue.getJobState(stream.sessionId), { timeout: 10_000 }).toBe('completed');
});

it('takes the job that waits when a slot becomes free', async () => {
  await startWorker('node-full', { NODE_SLOTS: '1', ANSWER_TIMEOUT_MS: '10000' });
  const [first, second] = [await newStream(), await newStream()];
  await dispatch(first);
  const waiting = dispatch(second);
  await expect.poll(() => queue.getJobState(second.sessionId)).toBe('waiting');
  await wire.ask('node-full', 'endSession', { sessionId: first.sessionId, reason: 'publisher_left' }, 2000);
  await waiting;
  expect(await row(second.id)).toMatchObject({ ownerNode: 'node-full', epoch: 1 });
});

it('answers also when the pipeline speaks before the answer is written', async () => {
  const rows = (await startWorker('node-a')).get(StreamRows);
  const answered = rows.answered.bind(rows);
  rows.answered = async (held) => {
    await expect.poll(async () => (await row(held.id)).state).toBe('live');
    return answered(held);
  };
  const stream = await newStream();
  await dispatch(stream);
  expect(await row(stream.id)).toMatchObject({ state: 'live', epoch: 1 });
});

it.each([
  ['refuse', { code: 'negotiation_failed', message: 'The offer is odd.' }, 'negotiation_failed'],
  ['silence', { code: 'no_answer' }, 'no_answer'],
  ['crash', { code: 'service_error' }, 'service_error'],
])('a pipeline that does "%s" at the offer costs this stream alone', async (offer, refusal, reason) => {
  const worker = await startWorker('node-a');
  const good = await newStream();
  const { sdp } = await dispatch(good);
  const bad = await newStream(offer);
  await expect(dispatch(bad)).rejects.toMatchObject(refusal);
  await expect.poll(() => row(bad.id)).toMatchObject({ state: 'ended', reason });
  await expect.poll(() => worker.get(Runners).used).toBe(1);
  expect(isAlive(pidOf({ sdp }))).toBe(true);
  await expect.poll(async () => (await row(good.id)).state).toBe('live');
});

it('leaves no pipeline behind for a stream that could not begin', async () => {
  const worker = await startWorker('node-a');
  const stream = await newStream();
  await prisma.session.delete({ where: { id: stream.sessionId } });
  await expect(dispatch(stream)).rejects.toMatchObject({ code: 'service_error' });
  await expect.poll(() => row(stream.id)).toMatchObject({ state: 'ended', reason: 'service_error' });
  await expect.poll(() => worker.get(Runners).used).toBe(0);
  expect(readdirSync(runDir)).toEqual(['worker.lock']);
});

it('keeps of a pipeline that has ended only what it said', async () => {
  await startWorker('node-a');
  const [quiet, noisy] = [await newStream(), await newStream('noise')];
  for (const stream of [quiet, noisy]) await dispatch(stream);
  for (const { sessionId } of [quiet, noisy])
    await wire.ask('node-a', 'endSession', { sessionId, reason: 'publisher_left' }, 2000);
  const logs = () =>
    readdirSync(runDir)
      .filter((name) => name.endsWith('.log'))
      .map((name) => readFileSync(join(runDir, name), 'utf8'));
  await expect.poll(logs).toEqual(['something is odd\n']);
});

it('stops a pipeline whose publisher has given up meanwhile', async () => {
  const worker = await startWorker('node-a');
  const stream = await newStream();
  const rows = worker.get(StreamRows);
  const answered = rows.answered.bind(rows);
  // Between the claim and the answer, the API ends the stream.
  rows.answered = async (held) => {
    await prisma.stream.update({
      where: { id: held.id },
      data: { state: 'ended', epoch: { increment: 1 }, reason: 'no_answer' },
    });
    return answered(held);
  };
  await expect(dispatch(stream, 800)).rejects.toThrow('no answer');
  await expect.poll(() => commands().map(([op]) => op)).toEqual(['claim', 'offer', 'stop']);
  await expect.poll(() => worker.get(Runners).used).toBe(0);
  expect(await row(stream.id)).toMatchObject({ state: 'ended', reason: 'no_answer' });
});

it('ends the stream of a pipeline that dies, and frees its slot', async () => {
  const worker = await startWorker('node-a');
  const stream = await newStream('answer', ['rtmp://x/live/live']);
  const answer = await dispatch(stream);
  await expect.poll(async () => (await row(stream.id)).state).toBe('live');
  process.kill(pidOf(answer), 'SIGKILL');
  await expect
    .poll(() => row(stream.id), { timeout: 4000 })
    .toMatchObject({
      state: 'ended',
      reason: 'pipeline_crashed',
      reasonDetail: 'it ended by SIGKILL',
      transfers: [{ state: 'ended', reason: 'stream_ended' }],
    });
  expect(worker.get(Runners).used).toBe(0);
});

it('ends a pipeline that takes more memory than it may, says so on its stream, and leaves the others alone', async () => {
  await startWorker('node-a', { PIPELINE_MEMORY_MB: '256' });
  const [stream, other] = [await newStream('grow'), await newStream()];
  const answers = [await dispatch(stream), await dispatch(other)];
  await expect
    .poll(() => row(stream.id), { timeout: 5000 })
    .toMatchObject({
      state: 'ended',
      reason: 'out_of_memory',
      reasonDetail: expect.stringMatching(/^\d{3} MB of 256$/),
    });
  const [grown, small] = answers.map(pidOf) as [number, number];
  await expect.poll(() => isAlive(grown)).toBe(false);
  expect(isAlive(small)).toBe(true);
  expect((await row(other.id)).state).toBe('live');
});

it('lets go of a stream that another has taken over: stops its pipeline and writes nothing', async () => {
  const worker = await startWorker('node-a');
  const stream = await newStream();
  const answer = await dispatch(stream);
  await expect.poll(async () => (await row(stream.id)).state).toBe('live');
  await prisma.stream.update({ where: { id: stream.id }, data: { epoch: 9, ownerNode: 'node-b' } });
  await worker.get(LeaseService).renew();
  await expect.poll(() => isAlive(pidOf(answer))).toBe(false);
  expect(await row(stream.id)).toMatchObject({ state: 'live', ownerNode: 'node-b', epoch: 9 });
  await prisma.stream.update({ where: { id: stream.id }, data: { state: 'ended' } });
});

it('leaves its pipelines to the next worker of the node, which adopts them', async () => {
  const first = await startWorker('node-a');
  const stream = await newStream('answer', ['rtmp://x/live/live']);
  const answer = await dispatch(stream);
  await expect.poll(async () => (await row(stream.id)).transfers[0]?.state).toBe('live');
  const forgotten = await newStream();
  await prisma.stream.update({ where: { id: forgotten.id }, data: { state: 'live', ownerNode: 'node-a', epoch: 1 } });
  await first.get(WorkerService).leaveRunning();
  await first.close();
  workers.splice(workers.indexOf(first), 1);
  expect(isAlive(pidOf(answer))).toBe(true);
  // What happens while nobody watches is not lost.
  await addTransfer(stream.id, 'rtmp://x/live/reconnecting-tcp_timeout');

  const second = await startWorker('node-a');
  expect(second.get(Runners).used).toBe(1);
  await expect
    .poll(() => row(stream.id))
    .toMatchObject({
      state: 'live',
      epoch: 1,
      transfers: [{ state: 'live' }, { state: 'reconnecting', reason: 'tcp_timeout' }],
    });
  expect(await row(forgotten.id)).toMatchObject({ state: 'ended', reason: 'pipeline_crashed' });
  await second.close();
  workers.splice(workers.indexOf(second), 1);
  expect(await row(stream.id)).toMatchObject({ state: 'ended', reason: 'service_shutdown' });
  await expect.poll(() => isAlive(pidOf(answer))).toBe(false);
  await expect.poll(() => readdirSync(runDir).filter((name) => name.endsWith('.sock'))).toEqual([]);
});

it('writes what it knows before it leaves its pipelines to the next worker', async () => {
  const worker = await startWorker('node-a');
  const stream = await newStream();
  const answer = await dispatch(stream);
  await expect.poll(async () => (await row(stream.id)).state).toBe('live');
  const locker = new Client({ connectionString: direct });
  await locker.connect();
  try {
    await locker.query('BEGIN');
    await locker.query('SELECT 1 FROM streams WHERE id = $1 FOR NO KEY UPDATE', [stream.id]);
    const id = `late-${process.pid}`;
    await prisma.session.create({ data: { id, streamId: stream.id, offer: 'givenup', etag: 'x' } });
    await wire.ask('node-a', 'publish', { streamId: stream.id, sessionId: id }, 2000);
    // The first attempt to write its end fails at the lock, after 1.5 s.
    const blocked = async () =>
      (
        await locker.query(
          "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
      ).rowCount;
    await expect.poll(blocked).toBe(1);
    await expect.poll(blocked).toBe(0);
    const left = worker.get(WorkerService).leaveRunning();
    await locker.query('COMMIT');
    await left;
    expect((await row(stream.id)).sessions.find((session) => session.id === id)).toMatchObject({
      endedAt: expect.any(Date),
      reason: 'ice_timeout',
    });
  } finally {
    await locker.end();
    process.kill(pidOf(answer), 'SIGKILL');
  }
});

it('told to end while Postgres is away, it leaves the true reason to the next worker', async () => {
  const first = await startWorker('node-a');
  const stream = await newStream('answer', ['rtmp://x/live/live']);
  const answer = await dispatch(stream);
  await expect.poll(async () => (await row(stream.id)).transfers[0]?.state).toBe('live');
  proxy.cut();
  const started = performance.now();
  await first.close();
  expect(performance.now() - started).toBeLessThan(10_000);
  workers.splice(workers.indexOf(first), 1);
  await expect.poll(() => isAlive(pidOf(answer))).toBe(false);
  expect((await row(stream.id)).state).toBe('live');
  proxy.restore();
  await startWorker('node-a');
  expect(await row(stream.id)).toMatchObject({
    state: 'ended',
    reason: 'service_shutdown',
    figures: { bitrate: 1 },
    transfers: [{ state: 'ended', figures: { bytesSent: 42 } }],
  });
}, 60_000);

it('does not adopt what is not its own any more', async () => {
  const first = await startWorker('node-a');
  const stream = await newStream();
  const answer = await dispatch(stream);
  await first.get(WorkerService).leaveRunning();
  await first.close();
  workers.splice(workers.indexOf(first), 1);
  await prisma.stream.update({ where: { id: stream.id }, data: { state: 'ended', epoch: { increment: 1 } } });
  const second = await startWorker('node-a');
  expect(second.get(Runners).used).toBe(0);
  await expect.poll(() => isAlive(pidOf(answer))).toBe(false);
});

it('goes on while Postgres is away, and writes the newest state when it is back', async () => {
  await startWorker('node-a');
  const stream = await newStream();
  const answer = await dispatch(stream);
  await expect.poll(async () => (await row(stream.id)).state).toBe('live');
  proxy.cut();
  await wire
    .ask('node-a', 'endSession', { sessionId: stream.sessionId, reason: 'publisher_left' }, 3000)
    .catch(() => undefined);
  // The request needed the database; the stream did not.
  expect(isAlive(pidOf(answer))).toBe(true);
  process.kill(pidOf(answer), 'SIGKILL');
  await expect.poll(() => isAlive(pidOf(answer))).toBe(false);
  expect((await row(stream.id)).state).toBe('live');
  proxy.restore();
  await expect
    .poll(() => row(stream.id), { timeout: 10_000 })
    .toMatchObject({ state: 'ended', reason: 'pipeline_crashed' });
});

it('stops a stream that the API has ended while this node alone is cut off from Postgres', async () => {
  await startWorker('node-a');
  const stream = await newStream();
  const answer = await dispatch(stream);
  await expect.poll(async () => (await row(stream.id)).state).toBe('live');
  proxy.cut();
  await prisma.stream.update({
    where: { id: stream.id },
    data: { state: 'ended', epoch: { increment: 1 }, reason: 'node_lost' },
  });
  const told = wire.ask('node-a', 'endStream', { streamId: stream.id, reason: 'node_lost' }, 15_000);
  await expect.poll(() => isAlive(pidOf(answer))).toBe(false);
  proxy.restore();
  await told;
  expect(await row(stream.id)).toMatchObject({ state: 'ended', reason: 'node_lost', epoch: 2 });
});

it('ends a pipeline that does not obey, before its row says that the stream has ended and its slot is free', async () => {
  const worker = await startWorker('node-a');
  const stream = await newStream();
  const answer = await dispatch(stream);
  await expect.poll(async () => (await row(stream.id)).state).toBe('live');
  process.kill(pidOf(answer), 'SIGSTOP');
  const seen: string[] = [];
  const told = wire.ask('node-a', 'endStream', { streamId: stream.id, reason: 'kicked' }, 20_000);
  const look = async () => {
    const [{ state }, { used }] = [await row(stream.id), worker.get(Runners)];
    // Asked for last: it may end at any moment, but never comes back.
    seen.push(`${state}, ${used} used, ${isAlive(pidOf(answer)) ? 'alive' : 'gone'}`);
    return state;
  };
  await expect.poll(look, { timeout: 20_000 }).toBe('ended');
  await told;
  await look();
  expect([...new Set(seen)].filter((line) => !line.startsWith('live, 1 used'))).toSatisfy((lines: string[]) =>
    lines.every((line) => /^ended, [01] used, gone$/.test(line)),
  );
  expect(seen[0]).toBe('live, 1 used, alive');
  expect(seen.at(-1)).toBe('ended, 0 used, gone');
  expect(await row(stream.id)).toMatchObject({ state: 'ended', reason: 'kicked' });
}, 40_000);

it('also when it shuts down', async () => {
  const worker = await startWorker('node-a');
  const stream = await newStream();
  const answer = await dispatch(stream);
  await expect.poll(async () => (await row(stream.id)).state).toBe('live');
  process.kill(pidOf(answer), 'SIGSTOP');
  await worker.close();
  workers.splice(workers.indexOf(worker), 1);
  expect(isAlive(pidOf(answer))).toBe(false);
  expect(await row(stream.id)).toMatchObject({ state: 'ended', reason: 'service_shutdown' });
}, 40_000);

it('does not leave a pipeline running that is too slow to be adopted', async () => {
  const first = await startWorker('node-a');
  const [slow, quick] = [await newStream('answer', ['rtmp://x/live/live']), await newStream()];
  const answers = [await dispatch(slow), await dispatch(quick)] as const;
  await expect.poll(async () => (await row(slow.id)).transfers[0]?.state).toBe('live');
  await first.get(WorkerService).leaveRunning();
  await first.close();
  workers.splice(workers.indexOf(first), 1);
  process.kill(pidOf(answers[0]), 'SIGSTOP');
  const second = await startWorker('node-a');
  await expect
    .poll(async () => [isAlive(pidOf(answers[0])), (await row(slow.id)).state], { timeout: 40_000 })
    .toEqual([false, 'ended']);
  expect((await row(slow.id)).reason).toBe('pipeline_crashed');
  expect(isAlive(pidOf(answers[1]))).toBe(true);
  expect(await row(quick.id)).toMatchObject({ state: 'live', epoch: 1 });
  expect(second.get(Runners).used).toBe(1);
}, 60_000);

it('ends a pipeline that has its connection broken and cannot be reached again', async () => {
  const worker = await startWorker('node-a');
  const stream = await newStream('mute');
  const answer = await dispatch(stream);
  await expect
    .poll(() => row(stream.id), { timeout: 20_000 })
    .toMatchObject({ state: 'ended', reason: 'pipeline_crashed' });
  expect(isAlive(pidOf(answer))).toBe(false);
  await expect.poll(() => worker.get(Runners).used).toBe(0);
}, 40_000);

it('kills a pipeline that says what no pipeline says, and serves on', async () => {
  const worker = await startWorker('node-a');
  const [odd, other] = [await newStream('odd'), await newStream()];
  const [answer] = [await dispatch(odd), await dispatch(other)];
  await expect
    .poll(() => row(odd.id), { timeout: 20_000 })
    .toMatchObject({ state: 'ended', reason: 'pipeline_crashed' });
  expect(isAlive(pidOf(answer))).toBe(false);
  await expect.poll(async () => (await row(other.id)).state).toBe('live');
  await expect.poll(() => worker.get(Runners).used).toBe(1);
});

it('adopts a pipeline that is slow, when it answers; meanwhile it takes other streams', async () => {
  const first = await startWorker('node-a');
  const slow = await newStream();
  const answer = await dispatch(slow);
  await expect.poll(async () => (await row(slow.id)).state).toBe('live');
  await first.get(WorkerService).leaveRunning();
  await first.close();
  workers.splice(workers.indexOf(first), 1);
  process.kill(pidOf(answer), 'SIGSTOP');
  const second = await startWorker('node-a');
  expect(second.get(Runners).used).toBe(1);
  expect((await row(slow.id)).state).toBe('live');
  await dispatch(await newStream());
  process.kill(pidOf(answer), 'SIGCONT');
  await expect.poll(() => second.get(Runners).get(slow.id) !== undefined, { timeout: 20_000 }).toBe(true);
  expect(await row(slow.id)).toMatchObject({ state: 'live', epoch: 1 });
  expect(isAlive(pidOf(answer))).toBe(true);
}, 40_000);

it('reaches a pipeline again whose connection broke, and hears what it missed', async () => {
  await startWorker('node-a');
  const stream = await newStream('reconnect', ['rtmp://x/live/live']);
  const answer = await dispatch(stream);
  await expect
    .poll(() => row(stream.id), { timeout: 20_000 })
    .toMatchObject({ state: 'live', transfers: [{ state: 'live' }] });
  expect(isAlive(pidOf(answer))).toBe(true);
  await wire.ask('node-a', 'endStream', { streamId: stream.id, reason: 'kicked' }, 5000);
  expect(await row(stream.id)).toMatchObject({ state: 'ended', reason: 'kicked', epoch: 1 });
});

it('a second worker with the RUN_DIR of another node does not start, and leaves its streams alone', async () => {
  await startWorker('node-a');
  const stream = await newStream();
  const answer = await dispatch(stream);
  await expect.poll(async () => (await row(stream.id)).state).toBe('live');
  await expect(startWorker('node-b')).rejects.toThrow('belongs to the running worker of node "node-a"');
  expect(isAlive(pidOf(answer))).toBe(true);
  expect(await row(stream.id)).toMatchObject({ state: 'live', ownerNode: 'node-a', epoch: 1 });
});
