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

/** Proportional set size in MB: memory shared with others counts by its share. */
export function pssMb(pids) {
  return pids.reduce((sum, pid) => sum + Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0), 0) / 1024;
}

export const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
export const percentile = (values, p) => values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * p))];

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
