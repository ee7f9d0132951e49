// The whole system on one machine, as `npm start` and `npm run demo` run it.
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Credentials, Demo } from './demo-customer.ts';
import { messageOf } from './errors.ts';
import { lockHolder, tryLock } from './lock.ts';
import { ROOT, STATE_DIR } from './paths.ts';
import { isPortFree } from './ports.ts';
import { startPostgres } from './postgres.ts';
import { endPipelines, keepRunning, type KeptProcess } from './processes.ts';
import { startRedis } from './redis.ts';
import { type RtmpServer, startRtmpServer } from './rtmp-server.ts';
import { closeDotEnv, masterKeys, withSecretFiles, writePrivate } from './secrets.ts';
import { StepError } from './step.ts';

const run = promisify(execFile);
const LOOPBACK = '127.0.0.0/8,::1,localhost';

/** Where the running system writes how to reach it. */
export const DEMO_FILE = join(STATE_DIR, 'demo.json');

interface Listeners {
  /** Takes the processes' log lines. */
  print: (line: string) => void;
  /** Takes what we have to say ourselves. */
  note: (line: string) => void;
}

type Stops = (() => Promise<void>)[];

export interface RunningStack {
  demo: Demo;
  rtmp: RtmpServer;
  env: NodeJS.ProcessEnv;
}

export interface Stack {
  start: () => Promise<RunningStack>;
  stop: () => Promise<void>;
}

/**
 * Database, Redis, API, one worker and the demo RTMP server. `start()` resolves when a publisher may come; `stop()` ends
 * whatever has been started so far and may be called at any time.
 */
export function createStack({ print, note }: Listeners): Stack {
  const stops: Stops = [];

  // Last started, first stopped; one that fails to stop does not keep the others running.
  async function stop(): Promise<void> {
    const failures: unknown[] = [];
    for (let next = stops.pop(); next; next = stops.pop()) await next().catch((error) => failures.push(error));
    if (failures.length > 0) throw new AggregateError(failures, failures.map(messageOf).join('; '));
  }

  async function start(): Promise<RunningStack> {
    const release = tryLock('start');
    if (!release) {
      throw new StepError(
        `This checkout runs already (pid ${lockHolder('start')}); ${DEMO_FILE} says where. Stop it with Ctrl-C there.`,
      );
    }
    stops.push(async () => release());
    try {
      return await startAll({ stops, print, note });
    } catch (error) {
      await stop();
      throw error;
    }
  }

  return { start, stop };
}

async function startAll({ stops, print, note }: Listeners & { stops: Stops }): Promise<RunningStack> {
  const port = Number(process.env.PORT || 3000);
  const listenAddress = process.env.LISTEN_ADDRESS || '0.0.0.0';
  if (!(await isPortFree(port, listenAddress))) {
    throw new StepError(`Port ${port} is taken by another program. Choose another one: PORT=${port + 1} npm start`);
  }
  const stopOf: StopOf = (server) => (stops.push(() => server.stop()), server);

  const [databaseUrl, redisUrl] = await Promise.all([
    process.env.DATABASE_URL_FILE ? undefined : process.env.DATABASE_URL || embeddedPostgres(stopOf),
    process.env.REDIS_URL_FILE
      ? undefined
      : process.env.REDIS_URL || startRedis({ dir: join(STATE_DIR, 'redis') }).then((server) => stopOf(server).url),
  ]);
  const wishedRtmpPort = Number(process.env.RTMP_PORT || 1935);
  const rtmp = stopOf(await startRtmpServer({ dir: join(STATE_DIR, 'nginx'), port: wishedRtmpPort }));
  if (rtmp.port !== wishedRtmpPort)
    note(`Port ${wishedRtmpPort} is taken: the demo RTMP server listens on ${rtmp.port}.`);

  const apiUrl = (process.env.PUBLIC_URL || `http://localhost:${port}`).replace(/\/$/, '');
  const closed = closeDotEnv();
  if (closed) note(closed);
  const { METRICS_TOKEN, PUSH_REPUBLISH_URLS } = process.env;
  const keys = process.env.MASTER_KEYS_FILE ? undefined : process.env.MASTER_KEYS || masterKeys();
  const secrets = {
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    MASTER_KEYS: keys,
    METRICS_TOKEN,
    PUSH_REPUBLISH_URLS,
  };
  const env = {
    ...withSecretFiles(process.env, secrets),
    PORT: String(port),
    PUBLIC_URL: apiUrl,
    RUN_DIR: process.env.RUN_DIR || '.manycast/run',
    ALLOWED_PRIVATE_HOSTS: process.env.ALLOWED_PRIVATE_HOSTS || LOOPBACK,
  };
  if (!process.env.ALLOWED_PRIVATE_HOSTS)
    note(`Callbacks and transfers to this machine are allowed (ALLOWED_PRIVATE_HOSTS=${LOOPBACK}).`);

  await node('dist/libs/db/src/migrate.js', env, 'Migrating the database');
  const seed = node('dist/apps/api/src/cli/seed.js', env, 'Creating the demo customer');
  // Pushed first, so it is done after the worker has ended: a pipeline outlives its worker by design.
  stops.push(() => endPipelines(env.RUN_DIR));
  const processes = (['api', 'worker'] as const).map((name) => {
    const command = [process.execPath, '--enable-source-maps', `dist/apps/${name}/src/main.js`];
    return stopOf(keepRunning({ name, command, env, print, nameColour: name === 'api' ? 'cyan' : 'blue' }));
  });
  const seeded = JSON.parse((await seed).trim().split('\n').at(-1) ?? '') as Seeded;
  await untilReady(port, listenAddress, seeded.operator, processes);

  const demo = demoFile(seeded, apiUrl, rtmp.url);
  writePrivate(DEMO_FILE, demo);
  stops.push(async () => rmSync(DEMO_FILE, { force: true }));
  return { demo, rtmp, env };
}

type StopOf = <T extends { stop: () => Promise<void> }>(server: T) => T;
/** What the seed prints. */
type Seeded = Pick<Demo, 'operator' | 'customer' | 'appid' | 'entryPoint' | 'publishToken'>;

async function embeddedPostgres(stopOf: StopOf): Promise<string> {
  const server = await startPostgres({ dir: join(STATE_DIR, 'postgres'), database: 'manycast' });
  return stopOf(server).url;
}

/** Exactly the keys that DESIGN.md promises to those who read the file. */
function demoFile(seeded: Seeded, apiUrl: string, rtmpUrl: string): Demo {
  const { operator, customer, appid, entryPoint, publishToken } = seeded;
  const whipUrl = `${apiUrl}/whip/${appid}/${entryPoint}/{stream_name}`;
  return { apiUrl, dashboardUrl: `${apiUrl}/`, operator, customer, appid, entryPoint, whipUrl, publishToken, rtmpUrl };
}

/** Runs one of our programs to its end and returns what it printed. */
async function node(file: string, env: NodeJS.ProcessEnv, what: string): Promise<string> {
  try {
    const { stdout } = await run(process.execPath, [join(ROOT, file)], { cwd: ROOT, env, timeout: 60_000 });
    return stdout;
  } catch (error) {
    const { stderr, stdout } = error as { stderr?: string; stdout?: string };
    throw new StepError(`${what} failed (${file}):\n${(stderr || stdout || messageOf(error)).trim()}`, {
      cause: error,
    });
  }
}

/** The API answers, and an operator sees a node that takes streams. */
async function untilReady(
  port: number,
  listenAddress: string,
  operator: Credentials,
  processes: KeptProcess[],
): Promise<void> {
  const host = ['0.0.0.0', '::'].includes(listenAddress) ? '127.0.0.1' : listenAddress;
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}/v1/nodes`;
  const authorization = `Basic ${Buffer.from(`${operator.customerId}:${operator.customerSecret}`).toString('base64')}`;
  let last = 'no answer';
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await sleep(50)) {
    const failing = processes.find((process) => process.failures() >= 3);
    if (failing) throw new StepError(`${failing.name} does not start: see its messages above.`);
    try {
      const response = await fetch(url, { headers: { authorization }, signal: AbortSignal.timeout(2_000) });
      const text = await response.text();
      if (response.ok && (JSON.parse(text) as { nodes: unknown[] }).nodes.length > 0) return;
      last = `${response.status} ${text.slice(0, 300)}`;
    } catch (error) {
      last = messageOf((error as Error).cause ?? error);
    }
  }
  throw new StepError(`The system is not ready after 60 s: ${url}: ${last}`);
}
