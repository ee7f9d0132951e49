// What a newcomer does first, in a checkout of its own: a copy of this one, whose .env is .env.example as it is.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ROOT } from '../../tools/lib/paths.ts';
import { freePort } from '../support/ports.js';

const run = promisify(execFile);
const COPIED = [
  'apps',
  'libs',
  'tools',
  'prisma',
  'dist',
  'package.json',
  'package-lock.json',
  'prisma.config.ts',
  'tsconfig.json',
  'tsconfig.build.json',
];
/** The first start makes a database; a busy machine takes its time. */
const START_MS = 60_000;

/** Short: the sockets of pipelines lie below it. */
const checkout = mkdtempSync(join(tmpdir(), 'mcs-'));
const demoFile = join(checkout, '.manycast/demo.json');
let env: NodeJS.ProcessEnv;
let first: Demo;
let running: { child: ChildProcess; output: string[]; ended: Promise<void> } | undefined;

interface Demo {
  apiUrl: string;
  appid: string;
  customer: { customerId: string; customerSecret: string };
}

beforeAll(async () => {
  for (const name of COPIED)
    cpSync(join(ROOT, name), join(checkout, name), { recursive: true, preserveTimestamps: true });
  cpSync(join(ROOT, '.env.example'), join(checkout, '.env'));
  symlinkSync(join(ROOT, 'node_modules'), join(checkout, 'node_modules'));
  const [port, rtmpPort] = [await freePort(), await freePort()];
  env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    PORT: String(port),
    RTMP_PORT: String(rtmpPort),
    LISTEN_ADDRESS: '127.0.0.1',
  };
});
afterAll(async () => {
  running?.child.kill('SIGTERM');
  await running?.ended;
  rmSync(checkout, { recursive: true, force: true });
});

/** Resolves when it says that it runs. */
async function npmStart(): Promise<string> {
  // A session of its own, as a terminal has.
  const child = spawn('npm', ['start'], { cwd: checkout, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => output.push(text));
  let hasEnded = false;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve())).then(() => void (hasEnded = true));
  running = { child, output, ended };
  const text = () => output.join('');
  await expect.poll(() => hasEnded || text().includes('manycast runs'), { timeout: START_MS }).toBe(true);
  expect(text()).toContain('manycast runs');
  return text();
}

/** Ctrl-C: the terminal sends it to the whole group, and npm passes it on once more. */
async function interrupt(): Promise<string> {
  const { child, output, ended } = running as NonNullable<typeof running>;
  process.kill(-(child.pid as number), 'SIGINT');
  await ended;
  running = undefined;
  return output.join('');
}

/** Every process that has to do with the copy, by its command, environment or directory. */
function processes(): string[] {
  const read = (pid: string, what: () => string): string => {
    try {
      return what();
    } catch (error) {
      // Gone meanwhile, or not ours.
      if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) return '';
      throw new Error(`process ${pid} cannot be looked at`, { cause: error });
    }
  };
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => ({ pid, command: read(pid, () => readFileSync(`/proc/${pid}/cmdline`, 'latin1')) }))
    .filter(({ pid, command }) =>
      [
        command,
        read(pid, () => readFileSync(`/proc/${pid}/environ`, 'latin1')),
        read(pid, () => readlinkSync(`/proc/${pid}/cwd`)),
      ].some((text) => text.includes(checkout)),
    )
    .map(({ pid, command }) => `${pid} ${command.replaceAll('\0', ' ')}`);
}

function environmentOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch (error) {
    // Gone meanwhile, or closed to us, and so to others.
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) return '';
    throw error;
  }
}

it(
  'npm start runs everything, and tells others where in .manycast/demo.json',
  async () => {
    await npmStart();
    const demo = JSON.parse(readFileSync(demoFile, 'utf8')) as Demo;
    first = demo;
    const secrets = {
      customerId: expect.stringMatching(/^[0-9a-f]{32}$/),
      customerSecret: expect.stringMatching(/.{20,}/),
    };
    expect(demo).toEqual({
      apiUrl: `http://localhost:${env.PORT}`,
      dashboardUrl: `http://localhost:${env.PORT}/`,
      operator: secrets,
      customer: secrets,
      appid: expect.stringMatching(/^[0-9a-f]{32}$/),
      entryPoint: 'live',
      whipUrl: `http://localhost:${env.PORT}/whip/${demo.appid}/live/{stream_name}`,
      publishToken: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
      rtmpUrl: `rtmp://127.0.0.1:${env.RTMP_PORT}/live`,
    });
    expect(statSync(demoFile).mode & 0o777).toBe(0o600);
    // Others of this machine read neither our files nor, by way of a process, what is in them.
    for (const name of [
      '.env',
      '.manycast/secrets/master_keys',
      '.manycast/secrets/database_url',
      '.manycast/secrets/redis_url',
    ])
      expect(statSync(join(checkout, name)).mode & 0o777, name).toBe(0o600);
    const key = readFileSync(join(checkout, '.manycast/secrets/master_keys'), 'utf8');
    expect(key).toMatch(/^k1:.{44}$/);
    const ours = processes().map((line) => line.split(' ')[0] as string);
    expect(ours.length).toBeGreaterThan(5);
    for (const pid of ours) expect(environmentOf(pid), pid).not.toContain(key);
    for (const program of [
      'postgres',
      'redis-server',
      'nginx',
      'api/src/main.js',
      'worker/src/main.js',
      'pipeline/src/process/main.js',
    ])
      await expect.poll(() => processes().join('\n')).toContain(program);
  },
  START_MS + 10_000,
);

it(
  'npm run demo shows the main job on it, and ends with 0',
  async () => {
    const { stdout } = await run('npm', ['run', 'demo'], { cwd: checkout, env, timeout: START_MS });
    expect(stdout).toContain(`Using the running system at ${first.apiUrl}`);
    expect(stdout).toContain('It works:');
  },
  START_MS + 10_000,
);

it('Ctrl-C ends all of it, and leaves no process behind', async () => {
  expect(await interrupt()).toContain('Stopped (');
  await expect.poll(processes, { timeout: 2000 }).toEqual([]);
  expect(existsSync(demoFile)).toBe(false);
});

it(
  'a second start has nothing to build, and finds its data again',
  async () => {
    const output = await npmStart();
    expect(output).not.toMatch(/Installing|Building|Compiling|Generating|Declaring/);
    const { appid, customer } = JSON.parse(readFileSync(demoFile, 'utf8')) as Demo;
    expect([appid, customer]).toEqual([first.appid, first.customer]);
    await interrupt();
    await expect.poll(processes, { timeout: 2000 }).toEqual([]);
  },
  START_MS + 20_000,
);
