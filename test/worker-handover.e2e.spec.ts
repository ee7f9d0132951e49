// Workers that end, are exchanged, or are cut off from Postgres.
import { Client } from 'pg';
import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { LeaseService } from '../apps/worker/src/streams/lease.service.js';
import { Runners } from '../apps/worker/src/streams/runners.js';
import { WorkerService } from '../apps/worker/src/worker.service.js';
import {
  useWorkers,
  prisma,
  wire,
  proxy,
  runDir,
  direct,
  workers,
  startWorker,
  newStream,
  addTransfer,
  dispatch,
  row,
  pidOf,
  isAlive,
} from './support/workers.js';

useWorkers();

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
  // Each is written when it is so: the transfer may be first.
  await expect.poll(() => row(stream.id)).toMatchObject({ state: 'live', transfers: [{ state: 'live' }] });
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

it('a second worker with the RUN_DIR of another node does not start, and leaves its streams alone', async () => {
  await startWorker('node-a');
  const stream = await newStream();
  const answer = await dispatch(stream);
  await expect.poll(async () => (await row(stream.id)).state).toBe('live');
  await expect(startWorker('node-b')).rejects.toThrow('belongs to the running worker of node "node-a"');
  expect(isAlive(pidOf(answer))).toBe(true);
  expect(await row(stream.id)).toMatchObject({ state: 'live', ownerNode: 'node-a', epoch: 1 });
});
