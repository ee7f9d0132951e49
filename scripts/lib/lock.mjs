// Keeps two runs of the same kind out of one checkout.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { STATE_DIR } from './paths.mjs';

/** When a process began, as the kernel counts: with the pid it names a process for good. */
function birth(pid) {
  const stat = `/proc/${pid}/stat`;
  // The name in parentheses may hold spaces; what follows it does not.
  return existsSync(stat) ? readFileSync(stat, 'utf8').split(') ').at(-1).split(' ')[19] : undefined;
}

/** The pid that holds this lock, or undefined. */
export function lockHolder(name) {
  const file = join(STATE_DIR, `${name}.lock`);
  if (!existsSync(file)) return undefined;
  const [pid, born] = readFileSync(file, 'utf8').split(' ');
  return born !== undefined && birth(pid) === born ? Number(pid) : undefined;
}

/** Takes the lock and returns how to give it back, or undefined when a living process holds it. */
export function tryLock(name) {
  mkdirSync(STATE_DIR, { recursive: true, mode: 0o700 });
  const file = join(STATE_DIR, `${name}.lock`);
  if (lockHolder(name) === undefined) rmSync(file, { force: true });
  try {
    writeFileSync(file, `${process.pid} ${birth(process.pid)}`, { flag: 'wx' });
  } catch (error) {
    if (error.code === 'EEXIST') return undefined;
    throw error;
  }
  return () => rmSync(file, { force: true });
}

/** Waits for the lock; `onWait(pid)` is told once whom it waits for. */
export async function lock(name, onWait) {
  for (let told = false; ;) {
    const release = tryLock(name);
    if (release) return release;
    if (!told) onWait(lockHolder(name));
    told = true;
    await sleep(250);
  }
}
