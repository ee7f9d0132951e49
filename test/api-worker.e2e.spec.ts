// The API with the real worker, on a pipeline that fails as a script says: what a publisher is told.
import { NestFactory } from '@nestjs/core';
import type { INestApplicationContext } from '@nestjs/common';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PipelineProgram } from '../apps/worker/src/supervisor/pipeline-starter.js';
import { WorkerModule } from '../apps/worker/src/worker.module.js';
import { startApp, type TestApp, type TestCustomer } from './support/app.js';
import { offer } from './support/sdp.js';

let api: TestApp;
let worker: INestApplicationContext;
let alice: TestCustomer;
let token: string;
/** Short: the path of a Unix socket has 107 bytes. */
const runDir = mkdtempSync(join(tmpdir(), 'mcw-'));

beforeAll(async () => {
  api = await startApp({ ANSWER_TIMEOUT_MS: '1500', NODE_ID: 'node-1', RUN_DIR: runDir });
  worker = await NestFactory.createApplicationContext(WorkerModule, { logger: false });
  worker.get(PipelineProgram).file = join(import.meta.dirname, 'support/scripted-pipeline.mjs');
  alice = await api.customer();
  ({ token } = (await alice.call('POST', `/v1/projects/${alice.appid}/fls/entry_points/live/publish_tokens`, {}))
    .body as { token: string });
});
afterAll(async () => {
  await worker?.close();
  await api?.stop();
  rmSync(runDir, { recursive: true });
});

/** The session's name in the offer says what the pipeline does. */
const publish = (name: string, script: string) => {
  const sdp = offer((lines) => lines.map((line) => (line === 's=-' ? `s=${script}` : line)));
  return api.anonymous('POST', `/whip/${alice.appid}/live/${name}`, sdp, {
    'content-type': 'application/sdp',
    authorization: `Bearer ${token}`,
  });
};
const stream = (name: string) => api.prisma.stream.findFirst({ where: { name }, orderBy: { id: 'desc' } });

it('no answer of the pipeline is 504, and the stream is over', async () => {
  const answer = await publish('silent', 'silence');
  expect([answer.status, answer.body]).toMatchObject([504, { code: 'no_answer' }]);
  await expect.poll(() => stream('silent')).toMatchObject({ state: 'ended', reason: 'no_answer' });
});

it('no answer to a publisher who comes back is 504, and the stream goes on', async () => {
  expect((await publish('again', 'answer')).status).toBe(201);
  const answer = await publish('again', 'silence');
  expect([answer.status, answer.body]).toMatchObject([504, { code: 'no_answer' }]);
  expect(await stream('again')).toMatchObject({ state: 'live', epoch: 1 });
  expect((await publish('again', 'answer')).status).toBe(201);
});

it('a pipeline that refuses or dies is told apart from one that is silent', async () => {
  expect((await publish('odd', 'refuse')).body).toMatchObject({ status: 422, message: 'The offer is odd.' });
  expect((await publish('dying', 'crash')).body).toMatchObject({ status: 500, code: 'service_error' });
});

describe('sessions of one stream', () => {
  const sessions = async (name: string) =>
    api.prisma.session.findMany({ where: { streamId: (await stream(name))?.id }, orderBy: { createdAt: 'asc' } });
  const isOpen = async (name: string) => (await sessions(name)).map(({ endedAt }) => endedAt === null);

  it('end when another takes over, so that a publisher may come back as often as it must', async () => {
    for (let i = 1; i <= 6; i += 1) {
      expect((await publish('flaky', 'answer')).status).toBe(201);
      await expect.poll(() => isOpen('flaky')).toEqual([...Array.from({ length: i - 1 }, () => false), true]);
    }
    const [first] = await sessions('flaky');
    expect((await api.anonymous('GET', `/whip/sessions/${first?.id}`)).status).toBe(410);
    expect(await stream('flaky')).toMatchObject({ state: 'live', epoch: 1 });
  });

  it('are three at most, however many are asked for at once', async () => {
    expect((await publish('crowded', 'answer')).status).toBe(201);
    await expect.poll(() => stream('crowded')).toMatchObject({ state: 'live' });
    // It feeds the stream, and is not new any more.
    await api.prisma.session.updateMany({
      where: { stream: { name: 'crowded' } },
      data: { createdAt: new Date(Date.now() - 60_000) },
    });
    const answers = await Promise.all(Array.from({ length: 8 }, () => publish('crowded', 'medialess')));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
      201, 201, 429, 429, 429, 429, 429, 429,
    ]);
    const refused = answers.find(({ status }) => status === 429);
    expect(refused?.body).toMatchObject({
      code: 'too_many_sessions',
      message: 'This stream has 3 open sessions already.',
    });
    expect(Number(refused?.headers.get('retry-after'))).toSatisfy((seconds: number) => seconds >= 1 && seconds <= 15);
    expect(await isOpen('crowded')).toEqual([true, true, true]);
  });

  it('do not count any more when media never came, or when they are left', async () => {
    const [, ...medialess] = await sessions('crowded');
    await api.prisma.session.update({
      where: { id: medialess[0]?.id },
      data: { createdAt: new Date(Date.now() - 60_000) },
    });
    const [next, over] = [await publish('crowded', 'medialess'), await publish('crowded', 'medialess')];
    expect([next.status, over.status]).toEqual([201, 429]);
    await api.prisma.session.update({ where: { id: medialess[1]?.id }, data: { endedAt: new Date() } });
    expect((await publish('crowded', 'answer')).status).toBe(201);
    // With media from this one, all that are over are over in their rows, too: only the last of the medialess is still given time.
    await expect.poll(() => isOpen('crowded')).toEqual([false, false, false, true, true]);
  });
});
