// What processes cost, from /proc.
import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf } from '../lib/errors.ts';

const TICKS_PER_SECOND = 100;

/** Processes whose command line holds this text. */
export function pidsOf(text: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').includes(text))
    .map(Number);
}

/** Percent of one core that these processes take in all, over some seconds. */
export async function cpuPercent(pids: number[], seconds: number): Promise<number> {
  const before = ticks(pids);
  const started = performance.now();
  await sleep(seconds * 1000);
  return (((ticks(pids) - before) / TICKS_PER_SECOND) * 100_000) / (performance.now() - started);
}

/** CPU time of these processes so far, ms. */
export const cpuMs = (pids: number[]): number => (1000 * ticks(pids)) / TICKS_PER_SECOND;

/** A process and its children that run now. */
export const withChildren = (pid: number): number[] => [
  pid,
  ...read(`/proc/${pid}/task/${pid}/children`)
    .split(' ')
    .filter((child) => child !== '')
    .map(Number),
];

/** The same by thread, as [name, percent] pairs, dearest first: what a process spends its time on. */
export async function cpuByThread(pids: number[], seconds: number): Promise<[name: string, percent: number][]> {
  const before = threadTicks(pids);
  const started = performance.now();
  await sleep(seconds * 1000);
  const perTick = 100_000 / TICKS_PER_SECOND / (performance.now() - started);
  const byName = new Map<string, number>();
  for (const [key, { name, ticks: now }] of threadTicks(pids)) {
    const percent = (now - (before.get(key)?.ticks ?? 0)) * perTick;
    byName.set(name, (byName.get(name) ?? 0) + percent);
  }
  return [...byName].toSorted((a, b) => b[1] - a[1]);
}

/** Proportional set size in MB: memory shared with others counts by its share. */
export function pssMb(pids: number[]): number {
  return (
    pids.reduce((sum, pid) => sum + Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0), 0) /
    1024
  );
}

/** NaN of none. */
export const median = (values: number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
/** `p` from 0 to 1; NaN of none. */
export const percentile = (values: number[], p: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * p))] ?? NaN;

function threadTicks(pids: number[]): Map<string, { name: string; ticks: number }> {
  const found = new Map<string, { name: string; ticks: number }>();
  for (const pid of pids) {
    let threads: string[] = [];
    try {
      threads = readdirSync(`/proc/${pid}/task`);
    } catch (error) {
      if (!['ENOENT', 'ESRCH'].includes(codeOf(error))) throw error;
    }
    for (const thread of threads) {
      const [, name = '?', rest = ''] = /\((.*)\) (.*)/s.exec(read(`/proc/${pid}/task/${thread}/stat`)) ?? [];
      const fields = rest.split(' ');
      found.set(`${pid}/${thread}`, {
        name: name.replace(/\d+/g, ''),
        ticks: Number(fields[11] ?? 0) + Number(fields[12] ?? 0),
      });
    }
  }
  return found;
}

function ticks(pids: number[]): number {
  return pids.reduce((sum, pid) => {
    const fields = read(`/proc/${pid}/stat`).split(') ')[1]?.split(' ') ?? [];
    return sum + Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  }, 0);
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    // Ended since it was listed.
    if (['ENOENT', 'ESRCH'].includes(codeOf(error))) return '';
    throw error;
  }
}
