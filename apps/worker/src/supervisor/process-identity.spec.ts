import { type ChildProcess, spawn } from 'node:child_process';
import { afterEach, expect, it } from 'vitest';
import { exitsWithin, identify, isRunning, type ProcessIdentity, signal } from './process-identity.js';

const children: ChildProcess[] = [];
afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')));

function start(...command: [string, ...string[]]): ProcessIdentity {
  const child = spawn(command[0], command.slice(1), { stdio: 'ignore' });
  children.push(child);
  return identify(child.pid as number) as ProcessIdentity;
}

it('names a process by its pid and its start', () => {
  const identity = start('sleep', '60');
  expect(identity).toEqual({ pid: children[0]?.pid, startTime: expect.any(Number) as number });
  expect(identity.startTime).toBeGreaterThan(0);
  expect(isRunning(identity)).toBe(true);
});

it('does not take a process for another one that had its pid before', () => {
  const { pid, startTime } = start('sleep', '60');
  const before = { pid, startTime: startTime - 1 };
  expect(isRunning(before)).toBe(false);
  signal(before, 'SIGKILL');
  expect(isRunning({ pid, startTime })).toBe(true);
});

it('knows of no process with a pid that nobody has', () => {
  // Above the kernel's largest pid (proc(5), pid_max).
  expect(identify(4_194_305)).toBeNull();
});

it('counts a process that has ended and was not waited for as gone', async () => {
  // The shell starts a process that ends at once, and becomes a program that waits for no child.
  const parent = spawn('sh', ['-c', 'true & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
  children.push(parent);
  const pid = await new Promise<number>((resolve) =>
    parent.stdout.once('data', (data: Buffer) => resolve(Number(data))),
  );
  await expect.poll(() => identify(pid), { timeout: 10_000 }).toBeNull();
});

it('tells whether a process ends in time', async () => {
  const identity = start('sleep', '60');
  expect(await exitsWithin(identity, 50)).toBe(false);
  signal(identity, 'SIGKILL');
  expect(await exitsWithin(identity, 10_000)).toBe(true);
});
