import { chownSync, constants, existsSync, mkdirSync, readdirSync, rmSync, type Stats, statSync } from 'node:fs';
import { chmod, chown, copyFile, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { SOUND_FILE, type TransferOptions } from '#libs/transfer';

/**
 * The folder of a pipeline that runs as a user of its own, beside its socket: its working directory, and all that it can read of the node's
 * files. It belongs to us, so that the pipeline changes nothing there; the group is the pipeline's.
 */
export const filesOf = (socket: string): string => socket.replace(/\.sock$/, '.files');

export function makeFiles(socket: string, gid: number): string {
  const dir = filesOf(socket);
  mkdirSync(dir, { mode: 0o750 });
  chownSync(dir, -1, gid);
  return dir;
}

/** Users of the pipelines whose folders lie here. */
export function usersOf(runDir: string): Set<number> {
  const folders = readdirSync(runDir).filter((name) => name.endsWith('.files'));
  return new Set(folders.flatMap((name) => statSync(join(runDir, name), { throwIfNoEntry: false })?.gid ?? []));
}

/** After a pipeline's end: it may not be able to remove them by itself. */
export function removeFiles(socket: string): void {
  rmSync(socket, { force: true });
  rmSync(filesOf(socket), { recursive: true, force: true });
}

/** Where a pipeline finds the files of a folder. */
export const seenBy = (socket: string, dir: string): string => (existsSync(filesOf(socket)) ? '.' : dir);

/** Brings the sounds that these transfers wish for (and no others) from the project's folder to a pipeline that cannot read it. */
export async function bringSounds(socket: string, from: string, transfers: { options: TransferOptions }[]): Promise<void> {
  const dir = filesOf(socket);
  if (!existsSync(dir)) return;
  try {
    await bringAll(dir, from, transfers);
  } catch (error) {
    // Gone meanwhile, with the pipeline.
    if (existsSync(dir)) throw error;
  }
}

async function bringAll(dir: string, from: string, transfers: { options: TransferOptions }[]): Promise<void> {
  const wanted = new Set(transfers.flatMap(({ options: { sound } }) => (sound != null && SOUND_FILE.test(sound.file) ? [sound.file] : [])));
  for (const name of await readdir(dir)) if (!wanted.has(name)) await rm(join(dir, name), { force: true });
  for (const name of wanted) await bring(join(from, name), join(dir, name), (await stat(dir)).gid);
}

async function bring(source: string, target: string, gid: number): Promise<void> {
  const [wanted, have] = [statSync(source, { throwIfNoEntry: false }), statSync(target, { throwIfNoEntry: false })];
  if (!wanted?.isFile()) return rm(target, { force: true });
  if (have && isSame(wanted, have)) return;
  // A reader never sees half of it.
  const fresh = `${target}.new`;
  await copyFile(source, fresh, constants.COPYFILE_FICLONE);
  await chown(fresh, -1, gid);
  await chmod(fresh, 0o640);
  await utimes(fresh, wanted.atime, wanted.mtime);
  await rename(fresh, target);
}

/** Times are copied to the millisecond. */
const isSame = (a: Stats, b: Stats): boolean => a.size === b.size && Math.floor(a.mtimeMs) === Math.floor(b.mtimeMs);
