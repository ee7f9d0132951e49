// The real system for media tests: API and worker as processes of their own, from dist/, on the run's PostgreSQL and Redis.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, inject, vi } from 'vitest';
import { Env } from '../../libs/config/src/index.js';
import { Wire } from '../../libs/queue/src/index.js';
import { endPipelines, pipelinesOf } from '../../tools/lib/processes.ts';
import { createTestDatabase } from './database.js';
import { freePort } from './ports.js';

const ROOT = join(import.meta.dirname, '../..');
const run = promisify(execFile);

export interface StreamView {
  id: string;
  name: string;
  state: string;
  reason: { code: string; text: string } | null;
  callback: { state: string; reason: { code: string } | null };
  figures: {
    bitrate: number;
    fps: number;
    width: number | null;
    height: number | null;
    transcoded: string | null;
    rttMs: number | null;
    packetsLost: number;
  } | null;
}

export interface TransferView {
  id: string;
  url: string;
  state: string;
  reason: { code: string; text: string; detail?: string | null } | null;
  attempts: number;
  nextRetryAt: string | null;
  figures: {
    bytesSent: number;
    bytesAcked: number | null;
    droppedFrames: number;
    reconnects: number;
    bitrate: number;
    fps: number;
    liveMs: number;
    queuedMs: number;
  } | null;
}

interface Process {
  child: ChildProcess;
  runDir: string;
  ended: Promise<void>;
}

/** `worker-2` is a second node. */
export type ProcessName = 'api' | 'worker' | 'worker-2';

/** A customer ID with its secret. */
export interface Credentials {
  customerId: string;
  customerSecret: string;
}

const basic = ({ customerId, customerSecret }: Credentials): string =>
  `Basic ${Buffer.from(`${customerId}:${customerSecret}`).toString('base64')}`;

/** A running system with the seed's customer; everything ends with `stop`. */
export class System {
  /** Everything that API and worker have logged. */
  readonly log: string[] = [];
  private readonly processes = new Map<string, Process>();

  private constructor(
    readonly apiUrl: string,
    readonly appid: string,
    readonly customer: Credentials,
    readonly operator: Credentials,
    /** What its processes were started with. */
    readonly env: NodeJS.ProcessEnv,
    readonly runDir: string,
    private readonly dropDatabase: () => Promise<void>,
  ) {}

  static async start(settings: Record<string, string> = {}): Promise<System> {
    const [database, port, runDir] = await Promise.all([
      createTestDatabase(),
      freePort(),
      mkdtemp(join(tmpdir(), 'mc-')),
    ]);
    const id = randomBytes(4).toString('hex');
    const env: NodeJS.ProcessEnv = {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      DATABASE_URL: database.url,
      REDIS_URL: inject('redisUrl'),
      REDIS_PREFIX: `media-${id}`,
      MASTER_KEYS: `k1:${randomBytes(32).toString('base64')}`,
      LISTEN_ADDRESS: '127.0.0.1',
      PORT: String(port),
      ALLOWED_PRIVATE_HOSTS: '127.0.0.0/8',
      // Tests poll.
      REQUESTS_PER_SECOND: '0',
      WHIP_ADDRESS_REQUESTS_PER_SECOND: '0',
      WHIP_ENTRY_POINT_REQUESTS_PER_SECOND: '0',
      WHIP_UNCONNECTED_PER_CUSTOMER: '0',
      WHIP_UNCONNECTED_PER_TOKEN: '0',
      QUOTA_STREAMS: '100',
      MEDIA_ADDRESSES: '127.0.0.1',
      NODE_ID: `node-${id}`,
      RUN_DIR: runDir,
      LOG_LEVEL: 'debug',
      ...settings,
    };
    const { stdout } = await run(process.execPath, ['dist/apps/api/src/cli/seed.js'], {
      cwd: ROOT,
      env,
      timeout: 30_000,
    });
    const seeded = JSON.parse(stdout.trim().split('\n').at(-1) as string) as {
      operator: Credentials;
      customer: Credentials;
      appid: string;
    };
    const system = new System(
      `http://127.0.0.1:${port}`,
      seeded.appid,
      seeded.customer,
      seeded.operator,
      env,
      runDir,
      () => database.drop(),
    );
    system.spawn('api');
    system.spawn('worker');
    await system.nodesReach(1);
    return system;
  }

  /** Ends API, worker and whatever pipelines are left. */
  async stop(): Promise<void> {
    for (const { child } of this.processes.values()) child.kill('SIGTERM');
    await Promise.all([...this.processes.values()].map(({ ended }) => ended));
    for (const runDir of new Set([...this.processes.values()].map((one) => one.runDir))) await endPipelines(runDir);
    await this.dropDatabase();
    await rm(this.runDir, { recursive: true, force: true });
  }

  /** Ends a process by a signal and waits until it is gone. */
  async end(name: ProcessName, signal: NodeJS.Signals): Promise<void> {
    const { child, ended } = this.processes.get(name) as Process;
    child.kill(signal);
    await ended;
  }

  /** Starts a process (again). */
  spawn(name: ProcessName): void {
    const other = name === 'worker-2' ? { NODE_ID: `${this.env.NODE_ID}-2`, RUN_DIR: join(this.runDir, '2') } : {};
    const env: NodeJS.ProcessEnv = { ...this.env, ...other };
    const child = spawn(process.execPath, ['--enable-source-maps', `dist/apps/${name.split('-')[0]}/src/main.js`], {
      cwd: ROOT,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => this.log.push(text));
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    this.processes.set(name, { child, ended, runDir: env.RUN_DIR as string });
  }

  /** Ends all processes of a node at once and without a word, as when its machine is lost. */
  async loseNode(name: 'worker' | 'worker-2'): Promise<void> {
    const { child, ended, runDir } = this.processes.get(name) as Process;
    const pids = pipelinesOf(runDir);
    child.kill('SIGKILL');
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await ended;
  }

  /** Starts the next worker beside the one that runs, which hands over to it; resolves when the one before has ended. */
  async exchangeWorker(): Promise<void> {
    const { ended } = this.processes.get('worker') as Process;
    this.spawn('worker');
    await ended;
  }

  /** The output of the pipeline processes that is still there. */
  async pipelineLogs(): Promise<string> {
    const files = (await readdir(this.runDir)).filter((name) => name.endsWith('.log'));
    return (await Promise.all(files.map((name) => readFile(join(this.runDir, name), 'utf8')))).join('\n');
  }

  /** A picture of a stream from the node that runs it, asked as the API asks. */
  async thumbnail(streamId: string): Promise<Buffer | null> {
    const { REDIS_URL = '', REDIS_PREFIX = '', NODE_ID = '' } = this.env;
    const wire = new Wire(Object.assign(new Env(), { REDIS_URL, REDIS_PREFIX }));
    try {
      await wire.ready();
      const { jpeg } = await wire.ask(NODE_ID, 'thumbnail', { streamId }, 5000);
      return jpeg === null ? null : Buffer.from(jpeg, 'base64');
    } finally {
      wire.onApplicationShutdown();
    }
  }

  /** Calls the API as the customer; the parsed answer, whatever its status. */
  call<T>(method: string, path: string, body?: unknown): Promise<{ status: number; body: T }> {
    return this.request(method, `/v1/projects/${this.appid}/fls${path}`, body);
  }

  /** As `call`, with the whole path. */
  async request<T>(method: string, path: string, body?: unknown): Promise<{ status: number; body: T }> {
    const response = await fetch(this.apiUrl + path, {
      method,
      headers: { authorization: basic(this.customer), 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, body: (text === '' ? undefined : JSON.parse(text)) as T };
  }

  /** An entry point of its own for a test, with its settings; returns where to publish. */
  async entryPoint(
    name: string,
    settings: { enabled?: boolean; callbackUrl?: string } = {},
  ): Promise<{ whipUrl: (streamName: string) => string; token: string }> {
    expect((await this.call('POST', '/entry_points', { name })).status).toBe(201);
    expect((await this.call('PATCH', `/entry_points/${name}/settings/transfer`, settings)).status).toBe(200);
    const { body } = await this.call<{ token: string }>('POST', `/entry_points/${name}/publish_tokens`, {});
    return { token: body.token, whipUrl: (streamName) => `${this.apiUrl}/whip/${this.appid}/${name}/${streamName}` };
  }

  /** The newest stream of this name. */
  async stream(name: string): Promise<StreamView> {
    const { body } = await this.call<{ streams: StreamView[] }>('GET', '/streams?limit=100');
    const found = body.streams.find((stream) => stream.name === name);
    if (!found) throw new Error(`no stream ${name}`);
    return (await this.call<StreamView>('GET', `/streams/${found.id}`)).body;
  }

  async transfers(streamId: string): Promise<TransferView[]> {
    return (await this.call<{ transfers: TransferView[] }>('GET', `/streams/${streamId}/transfers`)).body.transfers;
  }

  async addTransfer(streamId: string, body: object): Promise<TransferView> {
    const answer = await this.call<TransferView>('POST', `/streams/${streamId}/transfers`, body);
    expect(answer.status, JSON.stringify(answer.body)).toBe(201);
    return answer.body;
  }

  async changeTransfer(streamId: string, transferId: string, body: object): Promise<TransferView> {
    const answer = await this.call<TransferView>('PATCH', `/streams/${streamId}/transfers/${transferId}`, body);
    expect(answer.status, JSON.stringify(answer.body)).toBe(200);
    return answer.body;
  }

  async transfer(streamId: string, transferId: string): Promise<TransferView> {
    return (await this.call<TransferView>('GET', `/streams/${streamId}/transfers/${transferId}`)).body;
  }

  /** Waits until one transfer is in this state. */
  async transferReaches(streamId: string, transferId: string, state: string, timeout = 10_000): Promise<TransferView> {
    await expect
      .poll(async () => (await this.transfer(streamId, transferId)).state, { timeout, interval: 50 })
      .toBe(state);
    return this.transfer(streamId, transferId);
  }

  /** Waits until the stream's transfers are in these states, in the order of their creation. */
  async transfersReach(streamId: string, states: string[], timeout = 10_000): Promise<TransferView[]> {
    await expect
      .poll(async () => (await this.transfers(streamId)).map(({ state }) => state), { timeout, interval: 50 })
      .toEqual(states);
    return this.transfers(streamId);
  }

  /** Waits until the operator sees so many nodes that take streams. */
  async nodesReach(count: number): Promise<void> {
    const nodes = async (): Promise<number> => {
      const response = await fetch(`${this.apiUrl}/v1/nodes`, { headers: { authorization: basic(this.operator) } });
      const { nodes: found } = (await response.json()) as { nodes: { draining: boolean }[] };
      return found.filter(({ draining }) => !draining).length;
    };
    // The API may not listen yet.
    await vi.waitFor(async () => expect(await nodes().catch(() => -1)).toBe(count), { timeout: 20_000, interval: 50 });
  }
}
