// Workers in the test's process, whose pipelines are scripted: on a database behind a proxy that a test may cut.
import { NestFactory } from '@nestjs/core';
import type { INestApplicationContext } from '@nestjs/common';
import { Queue } from 'bullmq';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { createProject } from '../../apps/api/src/tenants/project/new-project.js';
import { PipelineProgram } from '../../apps/worker/src/supervisor/pipeline-starter.js';
import { WorkerModule } from '../../apps/worker/src/worker.module.js';
import { Env } from '../../libs/config/src/index.js';
import { PrismaService, SecretBox } from '../../libs/db/src/index.js';
import type { PublishAnswer } from '#libs/protocol';
import { STREAMS_QUEUE, type StreamJob, Wire } from '../../libs/queue/src/index.js';
import { testEnvironment } from './app.js';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.js';

const PIPELINE = join(import.meta.dirname, 'scripted-pipeline.mjs');
/** Straight to the database, whatever the proxy does. */
export let prisma: PrismaService;
let box: SecretBox;
export let wire: Wire;
export let queue: Queue<StreamJob>;
export let proxy: TcpProxy;
let drop: () => Promise<void>;
export let runDir: string;
export let direct: string;
export let entryPoint: { id: string; projectId: string };
export const workers: INestApplicationContext[] = [];
let names = 0;

export async function startWorker(
  nodeId: string,
  settings: Record<string, string> = {},
): Promise<INestApplicationContext> {
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
export async function newStream(offer = 'answer', urls: string[] = []) {
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
export const addTransfer = (streamId: string, url: string) =>
  prisma.transfer.create({
    data: { streamId, url: box.seal(url, `transfer:${streamId}`), redactedUrl: 'rtmp://x/***', urlHash: url },
  });

/** Offers the stream to the workers and waits for the answer, as the API does. */
export async function dispatch(
  { id, sessionId }: { id: string; sessionId: string },
  timeoutMs = 10_000,
): Promise<PublishAnswer> {
  const reply = wire.expect<PublishAnswer>(sessionId, timeoutMs);
  await queue.add('publish', { streamId: id, sessionId, replyTo: wire.replyTo }, { jobId: sessionId });
  return reply.promise;
}
export const row = (id: string) =>
  prisma.stream.findUniqueOrThrow({
    where: { id },
    include: { sessions: true, transfers: { orderBy: { id: 'asc' } } },
  });
export const pidOf = ({ sdp }: PublishAnswer) => Number(/\d+$/.exec(sdp)?.[0]);
export const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};
/** The commands that the only pipeline of this test got. */
export const commands = () =>
  readdirSync(runDir)
    .filter((name) => name.endsWith('.ops'))
    .flatMap((name) =>
      readFileSync(join(runDir, name), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as [string, Record<string, unknown>]),
    );

/** Gives the calling file a database to start workers on, each test a RUN_DIR of its own, and ends its workers after it. */
export function useWorkers(): void {
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
}
