import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { Runners } from '../apps/worker/src/streams/runners.js';
import { StreamRows } from '../apps/worker/src/streams/stream-rows.js';
import type { PublishAnswer } from '#libs/protocol';
import { Registry } from '../libs/queue/src/index.js';
import {
  useWorkers,
  prisma,
  wire,
  queue,
  runDir,
  entryPoint,
  startWorker,
  newStream,
  addTransfer,
  dispatch,
  row,
  pidOf,
  isAlive,
  commands,
} from './support/workers.js';

useWorkers();

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
  await expect
    .poll(() => worker.get(Registry).figures([{ id: stream.id, ownerNode: 'node-a' }]), { timeout: 10_000 })
    .toEqual(new Map([[stream.id, { input: { bitrate: 7 }, transfers: {} }]]));
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
  rows.answered = async (held, sessionId) => {
    await expect.poll(async () => (await row(held.id)).state).toBe('live');
    return answered(held, sessionId);
  };
  const stream = await newStream();
  await dispatch(stream);
  expect(await row(stream.id)).toMatchObject({ state: 'live', epoch: 1 });
});
