// Keeps two runs of the same kind out of one checkout.
import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { STATE_DIR } from './paths.mjs';

/** When a process began, as the kernel counts: with the pid it names a process for good. Undefined when it is no more. */
function birth(pid) {
  // The name in parentheses may hold spaces; what follows it does not.
  return read(`/proc/${pid}/stat`)?.split(') ').at(-1)?.split(' ')[19];
}

/** The pid that holds this lock, or undefined. */
export function lockHolder(name) {
  return holderOf(join(STATE_DIR, `${name}.lock`));
}

/** The living process that a lock file names. */
function holderOf(file) {
  const [pid, born] = (read(file) ?? '').split(' ');
  return born !== undefined && birth(pid) === born ? Number(pid) : undefined;
}

/** Undefined when the file is not there, or not there any more. */
function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return undefined;
    throw error;
  }
}

/** Links `file` to `name`; false when the name is taken. It is there at once and whole: nobody reads half of it. */
function linked(file, name) {
  try {
    linkSync(file, name);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Removes a lock whose holder is no more, and not one that somebody else has taken since we looked. */
function removeStale(file) {
  const aside = `${file}.${randomUUID()}`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if (error.code === 'ENOENT') return;
    throw error;
  }
  if (holderOf(aside) !== undefined) linked(aside, file);
  rmSync(aside, { force: true });
}

/** Takes the lock and returns how to give it back, or undefined when a living process holds it. */
export function tryLock(name) {
  mkdirSync(STATE_DIR, { recursive: true, mode: 0o700 });
  const file = join(STATE_DIR, `${name}.lock`);
  const ours = `${file}.${randomUUID()}`;
  writeFileSync(ours, `${process.pid} ${birth(process.pid)}`);
  try {
    while (!linked(ours, file)) {
      if (holderOf(file) !== undefined) return undefined;
      removeStale(file);
    }
  } finally {
    rmSync(ours, { force: true });
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
