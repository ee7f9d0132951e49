// Processes of a benchmark: what they cost while something is done, and their end.
import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuMs, withChildren } from './measure.ts';

/** CPU time by what the processes are, ms. */
export type Cpu = Record<string, number>;

/** What the work brings, and the CPU time that each of the processes, with the children that are there at its end, took meanwhile, ms. */
export async function measured<T>(groups: Record<string, number>, work: () => Promise<T>): Promise<[T, Cpu]> {
  const pids = () => Object.values(groups).flatMap(withChildren);
  const before = new Map(pids().map((pid) => [pid, cpuMs([pid])]));
  const result = await work();
  const spent = (pid: number): number =>
    withChildren(pid).reduce((sum, one) => sum + cpuMs([one]) - (before.get(one) ?? 0), 0);
  return [result, Object.fromEntries(Object.entries(groups).map(([group, pid]) => [group, spent(pid)]))];
}

export async function ended(child: ChildProcess): Promise<void> {
  const exit = new Promise((resolve) => child.once('exit', resolve));
  if (child.exitCode !== null || !child.kill('SIGTERM')) return;
  await Promise.race([exit, sleep(5000).then(() => child.kill('SIGKILL'))]);
}
