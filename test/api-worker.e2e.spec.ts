// The API with the real worker, on a pipeline that fails as a script says: what a publisher is told.
import { NestFactory } from '@nestjs/core';
import type { INestApplicationContext } from '@nestjs/common';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PipelineProgram } from '../apps/worker/src/pipeline-starter.js';
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
  ({ token } = (await alice.call('POST', `/v1/projects/${alice.appid}/fls/entry_points/live/publish_tokens`, {})).body as { token: string });
});
afterAll(async () => {
  await worker?.close();
  await api?.stop();
  rmSync(runDir, { recursive: true });
});

/** The session's name in the offer says what the pipeline does. */
const publish = (name: string, script: string) => {
  const sdp = offer((lines) => lines.map((line) => (line === 's=-' ? `s=${script}` : line)));
  return api.anonymous('POST', `/whip/${alice.appid}/live/${name}`, sdp, { 'content-type': 'application/sdp', authorization: `Bearer ${token}` });
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
