// What processes cost, from /proc.
import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const TICKS_PER_SECOND = 100;

/** Processes whose command line holds this text. */
export function pidsOf(text) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').includes(text))
    .map(Number);
}

/** Percent of one core that these processes take in all, over some seconds. */
export async function cpuPercent(pids, seconds) {
  const before = ticks(pids);
  const started = performance.now();
  await sleep(seconds * 1000);
  return (((ticks(pids) - before) / TICKS_PER_SECOND) * 100_000) / (performance.now() - started);
}

/** The same by thread, as [name, percent] pairs, dearest first: what a process spends its time on. */
export async function cpuByThread(pids, seconds) {
  const before = threadTicks(pids);
  const started = performance.now();
  await sleep(seconds * 1000);
  const perTick = 100_000 / TICKS_PER_SECOND / (performance.now() - started);
  const byName = new Map();
  for (const [key, { name, ticks: now }] of threadTicks(pids)) {
    const percent = (now - (before.get(key)?.ticks ?? 0)) * perTick;
    byName.set(name, (byName.get(name) ?? 0) + percent);
  }
  return [...byName].toSorted((a, b) => b[1] - a[1]);
}

/** Proportional set size in MB: memory shared with others counts by its share. */
export function pssMb(pids) {
  return (
    pids.reduce((sum, pid) => sum + Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0), 0) /
    1024
  );
}

export const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
export const percentile = (values, p) =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * p))];

function threadTicks(pids) {
  const found = new Map();
  for (const pid of pids) {
    let threads = [];
    try {
      threads = readdirSync(`/proc/${pid}/task`);
    } catch (error) {
      if (!['ENOENT', 'ESRCH'].includes(error.code)) throw error;
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

function ticks(pids) {
  return pids.reduce((sum, pid) => {
    const fields = read(`/proc/${pid}/stat`).split(') ')[1]?.split(' ') ?? [];
    return sum + Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  }, 0);
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    // Ended since it was listed.
    if (['ENOENT', 'ESRCH'].includes(error.code)) return '';
    throw error;
  }
}
