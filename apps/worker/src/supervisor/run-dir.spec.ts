import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Env } from '#libs/config';
import { identify, isRunning, type ProcessIdentity } from './process-identity.js';
import { RunDir } from './run-dir.js';

let dir: string;
const children: ChildProcess[] = [];
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'rd-'))));
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(dir, { recursive: true, force: true });
});

const runDir = (nodeId: string) => new RunDir(Object.assign(new Env(), { RUN_DIR: dir, NODE_ID: nodeId }));
const lockFile = () => join(dir, 'worker.lock');
const owner = () => (JSON.parse(readFileSync(lockFile(), 'utf8')) as { nodeId: string }).nodeId;

/** A running process that holds the directory for node-a. It is ready when its script has said so. */
async function holder(script: string): Promise<ProcessIdentity> {
  const child = spawn('sh', ['-c', `${script} echo ready; while :; do sleep 0.05; done`], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  children.push(child);
  await new Promise((resolve) => child.stdout.once('data', resolve));
  const identity = identify(child.pid as number) as ProcessIdentity;
  writeFileSync(lockFile(), JSON.stringify({ ...identity, nodeId: 'node-a' }));
  return identity;
}

it('belongs to the worker that took it, until it is released', async () => {
  const first = runDir('node-a');
  await first.acquire();
  expect(owner()).toBe('node-a');
  await expect(runDir('node-b').acquire()).rejects.toThrow(
    /belongs to the running worker of node "node-a" \(process \d+\): give each worker a RUN_DIR of its own/,
  );
  first.release();
  expect(existsSync(lockFile())).toBe(false);
  await runDir('node-b').acquire();
  expect(owner()).toBe('node-b');
  expect(readdirSync(dir)).toEqual(['worker.lock']);
});

it('is not taken from the running worker of another node', async () => {
  const other = await holder('');
  await expect(runDir('node-b').acquire()).rejects.toThrow('give each worker a RUN_DIR of its own');
  expect(isRunning(other)).toBe(true);
});

it.each([
  ['a worker that has ended', () => JSON.stringify({ pid: 4_194_305, startTime: 1, nodeId: 'node-b' })],
  [
    'a worker whose pid another process has now',
    () => JSON.stringify({ ...identify(process.ppid), startTime: 1, nodeId: 'node-b' }),
  ],
  ['nobody, for it is damaged', () => '{"pid":'],
])('is free when the lock is of %s', async (_, lock) => {
  writeFileSync(lockFile(), lock());
  await runDir('node-a').acquire();
  expect(owner()).toBe('node-a');
});

it('is handed over by the worker before, of the same node', async () => {
  const before = await holder(`trap 'rm ${lockFile()}; exit 0' USR2;`);
  await runDir('node-a').acquire();
  expect(isRunning(before)).toBe(false);
  expect(owner()).toBe('node-a');
});

it('is taken from a worker of the same node that does not hand over', async () => {
  const before = await holder(`trap '' USR2;`);
  await runDir('node-a').acquire(200);
  expect(isRunning(before)).toBe(false);
  expect(owner()).toBe('node-a');
});

it('knows the pipelines by their files', () => {
  const dirOf = runDir('node-a');
  const files = dirOf.newFiles();
  expect(files.readIdentity()).toBeNull();
  files.writeIdentity({ pid: 7, startTime: 8 });
  writeFileSync(files.log, 'odd');
  writeFileSync(join(dir, 'old.log'), 'odd');
  const [found] = runDir('node-a').pipelines();
  expect(found?.readIdentity()).toEqual({ pid: 7, startTime: 8 });
  expect(found?.logTail()).toBe('odd');
  dirOf.removeLeftovers();
  expect(readdirSync(dir).sort()).toEqual([`${files.name}.log`, `${files.name}.pid`].sort());
  files.remove();
  // What it said is kept, until the next start.
  expect(readdirSync(dir)).toEqual([`${files.name}.log`]);
});
