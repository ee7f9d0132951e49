// Keeps two runs of the same kind out of one checkout.
import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf } from './errors.ts';
import { STATE_DIR } from './paths.ts';

/** When a process began, as the kernel counts: with the pid it names a process for good. Undefined when it is no more. */
function birth(pid: number | string): string | undefined {
  // The name in parentheses may hold spaces; what follows it does not.
  return read(`/proc/${pid}/stat`)?.split(') ').at(-1)?.split(' ')[19];
}

/** The pid that holds this lock, or undefined. */
export function lockHolder(name: string): number | undefined {
  return holderOf(join(STATE_DIR, `${name}.lock`));
}

/** The living process that a lock file names. */
function holderOf(file: string): number | undefined {
  const text = read(file) ?? '';
  return isHeld(text) ? Number(text.split(' ')[0]) : undefined;
}

/** Whether the process that a lock names is alive. */
function isHeld(text: string): boolean {
  const [pid = '', born] = text.split(' ');
  return born !== undefined && birth(pid) === born;
}

/** Undefined when the file is not there, or not there any more. */
function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(codeOf(error))) return undefined;
    throw error;
  }
}

/** Links `file` to `name`; false when the name is taken. It is there at once and whole: nobody reads half of it. */
function linked(file: string, name: string): boolean {
  try {
    linkSync(file, name);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Puts `ours` in the place of a lock whose holder is no more: `stale` is what that lock says. Of all who want to, the one does it that links its claim,
 * which is named after the dead holder; of a claim whose holder has died in turn, the next one. Nobody removes a lock, so no living holder
 * ever loses his.
 */
function replaceStale(ours: string, file: string, stale: string): 'done' | 'taken' | 'changed' {
  const claims: string[] = [];
  for (let dead = stale; ;) {
    const claim = `${file}.after-${dead.replace(' ', '-')}`;
    claims.push(claim);
    if (linked(ours, claim)) break;
    const other = read(claim);
    if (other === undefined) return 'changed';
    if (isHeld(other)) return 'taken';
    dead = other;
  }
  // Who had such a claim before has put its own lock there, and then removed the claim.
  const isStale = read(file) === stale;
  if (isStale) renameSync(ours, file);
  for (const claim of claims) rmSync(claim, { force: true });
  return isStale ? 'done' : 'changed';
}

/** Takes the lock and returns how to give it back, or undefined when a living process holds it. */
export function tryLock(name: string): (() => void) | undefined {
  mkdirSync(STATE_DIR, { recursive: true, mode: 0o700 });
  const file = join(STATE_DIR, `${name}.lock`);
  const ours = `${file}.${randomUUID()}`;
  writeFileSync(ours, `${process.pid} ${birth(process.pid)}`);
  try {
    while (!linked(ours, file)) {
      const text = read(file);
      if (text === undefined) continue;
      if (isHeld(text)) return undefined;
      const outcome = replaceStale(ours, file, text);
      if (outcome === 'taken') return undefined;
      if (outcome === 'done') break;
    }
  } finally {
    rmSync(ours, { force: true });
  }
  return () => rmSync(file, { force: true });
}

/** Waits for the lock; `onWait(pid)` is told once whom it waits for. */
export async function lock(name: string, onWait: (pid: number | undefined) => void): Promise<() => void> {
  for (let told = false; ;) {
    const release = tryLock(name);
    if (release) return release;
    if (!told) onWait(lockHolder(name));
    told = true;
    await sleep(250);
  }
}
