// Pipelines that die, grow, do not obey or send invalid messages.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Env } from '../libs/config/src/index.js';
import { PipelineProgram } from '../apps/worker/src/supervisor/pipeline-starter.js';
import { Runners } from '../apps/worker/src/streams/runners.js';
import { StreamRows } from '../apps/worker/src/streams/stream-rows.js';
import {
  useWorkers,
  prisma,
  wire,
  runDir,
  workers,
  startWorker,
  newStream,
  dispatch,
  row,
  pidOf,
  isAlive,
  commands,
} from './support/workers.js';

useWorkers();

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
  rows.answered = async (held, sessionId) => {
    await prisma.stream.update({
      where: { id: held.id },
      data: { state: 'ended', epoch: { increment: 1 }, reason: 'no_answer' },
    });
    return answered(held, sessionId);
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

it('kills a pipeline that sends an invalid message, and serves on', async () => {
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

describe('on a machine on which processes start slowly', () => {
  const SLOW = join(import.meta.dirname, 'support/slow-pipeline.mjs');

  it('publishers for whom none would be ready in time are told so soon, the others are answered', async () => {
    const worker = await startWorker('node-a', { NODE_SLOTS: '30' });
    worker.get(PipelineProgram).file = SLOW;
    const streams = await Promise.all(Array.from({ length: 16 }, () => newStream()));
    const began = performance.now();
    const answers = await Promise.allSettled(streams.map((stream) => dispatch(stream)));
    // An API waits for 5 s.
    expect(performance.now() - began).toBeLessThan(5000);
    const refused = streams.filter((_stream, index) => answers[index]?.status === 'rejected');
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThan(16);
    for (const answer of answers)
      if (answer.status === 'rejected') expect(answer.reason).toMatchObject({ code: 'no_free_slot' });
    for (const { id } of refused)
      await expect.poll(() => row(id)).toMatchObject({ state: 'ended', reason: 'no_free_slot' });
    await expect.poll(() => worker.get(Runners).used).toBe(16 - refused.length);
  });

  it('a publisher who waits for one while its node stops is answered', async () => {
    const worker = await startWorker('node-a');
    worker.get(PipelineProgram).file = SLOW;
    const answer = dispatch(await newStream());
    // Its process is on its way.
    await expect.poll(() => readdirSync(runDir).filter((name) => name.endsWith('.log'))).toHaveLength(1);
    workers.splice(0);
    await worker.close();
    expect(await answer).toMatchObject({ sdp: expect.stringContaining('answer') });
  });

  it('more are kept ready while many publishers come', async () => {
    const worker = await startWorker('node-a', { NODE_SLOTS: '30', ANSWER_TIMEOUT_MS: '20000' });
    worker.get(PipelineProgram).file = SLOW;
    // Not from the beginning: there the program is still another one.
    worker.get(Env).WARM_PIPELINES = 1;
    const streams = await Promise.all(Array.from({ length: 12 }, () => newStream()));
    await Promise.all(streams.map((stream) => dispatch(stream, 20_000)));
    const processes = () => readdirSync(runDir).filter((name) => name.endsWith('.sock')).length;
    await expect.poll(processes, { timeout: 20_000 }).toBeGreaterThan(13);
  });
});
