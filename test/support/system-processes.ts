// API and worker as processes of their own, from dist/. Knows nothing of Vitest: the run's main process starts the shared system by it.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { endWithParent } from '../../tools/lib/daemon.ts';
import { endPipelines, pipelinesOf } from '../../tools/lib/processes.ts';
import { cloneDatabase, type DatabaseServer } from './clone-database.js';
import { freePort } from './ports.js';

const ROOT = join(import.meta.dirname, '../..');
const run = promisify(execFile);

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

/** Where a running system is, and who may use it. */
export interface SystemPlace {
  apiUrl: string;
  appid: string;
  customer: Credentials;
  operator: Credentials;
  /** What its processes were started with. */
  env: NodeJS.ProcessEnv;
  runDir: string;
  /** Everything that API and worker write. */
  logFile: string;
}

/** The processes of one system, and what is theirs alone. */
export class SystemProcesses {
  private readonly processes = new Map<ProcessName, Process>();

  private constructor(
    readonly place: SystemPlace,
    private readonly dropDatabase: () => Promise<void>,
  ) {}

  /** On a database, a Redis prefix and a RUN_DIR of its own, with the seed's customer; `settings` win. The node may not be known yet when it resolves. */
  static async start(
    servers: DatabaseServer & { redisUrl: string },
    settings: Record<string, string>,
  ): Promise<SystemProcesses> {
    const [database, port, runDir] = await Promise.all([
      cloneDatabase(servers),
      freePort(),
      mkdtemp(join(tmpdir(), 'mc-')),
    ]);
    const id = randomBytes(4).toString('hex');
    const env: NodeJS.ProcessEnv = {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      DATABASE_URL: database.url,
      REDIS_URL: servers.redisUrl,
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
      timeout: 90_000,
    });
    const { operator, customer, appid } = JSON.parse(stdout.trim().split('\n').at(-1) as string) as Pick<
      SystemPlace,
      'operator' | 'customer' | 'appid'
    >;
    const place = {
      apiUrl: `http://127.0.0.1:${port}`,
      appid,
      customer,
      operator,
      env,
      runDir,
      logFile: `${runDir}.log`,
    };
    const processes = new SystemProcesses(place, () => database.drop());
    processes.spawn('api');
    processes.spawn('worker');
    return processes;
  }

  /** Ends API, worker and whatever pipelines are left. */
  async stop(): Promise<void> {
    const all = [...this.processes.values()];
    for (const { child } of all) child.kill('SIGTERM');
    await Promise.all(all.map(({ ended }) => ended));
    for (const runDir of new Set(all.map((one) => one.runDir))) await endPipelines(runDir);
    await this.dropDatabase();
    for (const path of [this.place.runDir, this.place.logFile]) await rm(path, { recursive: true, force: true });
  }

  /** Starts a process (again). */
  spawn(name: ProcessName): void {
    const { env: common, runDir } = this.place;
    const other = name === 'worker-2' ? { NODE_ID: `${common.NODE_ID}-2`, RUN_DIR: join(runDir, '2') } : {};
    const env: NodeJS.ProcessEnv = { ...common, ...other };
    // A run that is killed leaves nothing behind.
    const [program = '', ...args] = endWithParent(
      [process.execPath, '--enable-source-maps', `dist/apps/${name.split('-')[0]}/src/main.js`],
      'SIGKILL',
    );
    const log = openSync(this.place.logFile, 'a', 0o600);
    const child = spawn(program, args, { cwd: ROOT, env, stdio: ['ignore', log, log] });
    closeSync(log);
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    this.processes.set(name, { child, ended, runDir: env.RUN_DIR as string });
  }

  /** Ends a process by a signal and waits until it is gone. */
  async end(name: ProcessName, signal: NodeJS.Signals): Promise<void> {
    const { child, ended } = this.running(name);
    child.kill(signal);
    await ended;
  }

  /** Ends all processes of a node at once and without a word, as when its machine is lost. */
  async loseNode(name: 'worker' | 'worker-2'): Promise<void> {
    const { child, ended, runDir } = this.running(name);
    const pids = pipelinesOf(runDir);
    child.kill('SIGKILL');
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await ended;
  }

  /** Starts the next worker beside the one that runs, which hands over to it; resolves when the one before has ended. */
  async exchangeWorker(): Promise<void> {
    const { ended } = this.running('worker');
    this.spawn('worker');
    await ended;
  }

  private running(name: ProcessName): Process {
    const found = this.processes.get(name);
    if (!found) throw new Error(`${name} was not started`);
    return found;
  }
}
