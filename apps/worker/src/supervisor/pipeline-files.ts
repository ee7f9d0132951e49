import {
  chownSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs';
import { chmod, chown, copyFile, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { SOUND_FILE, type TransferOptions } from '#libs/transfer';
import type { ProcessIdentity } from './process-identity.js';

/** The files of one pipeline process. */
export class PipelineFiles {
  /** The Unix socket that the pipeline listens on. */
  readonly socket: string;
  /** Which process it is: `{pid, startTime}`, written as soon as the process exists. */
  readonly identity: string;
  /** What it wrote to stdout and stderr. */
  readonly log: string;
  /**
   * Of a pipeline that runs as a user of its own: its working directory, and all that it can read of the node's files. It
   * belongs to us, so that the pipeline changes nothing there; the group is the pipeline's.
   */
  readonly folder: string;

  constructor(
    dir: string,
    /** Unique within the directory. */
    readonly name: string,
  ) {
    this.socket = join(dir, `${name}.sock`);
    this.identity = join(dir, `${name}.pid`);
    this.log = join(dir, `${name}.log`);
    this.folder = join(dir, `${name}.files`);
  }

  writeIdentity(identity: ProcessIdentity): void {
    // Renamed into place: nobody reads half of it.
    const temporary = `${this.identity}.new`;
    writeFileSync(temporary, JSON.stringify(identity), { mode: 0o600 });
    renameSync(temporary, this.identity);
  }

  /** Null when there is no such file, or it is damaged. */
  readIdentity(): ProcessIdentity | null {
    return readJson<ProcessIdentity>(this.identity);
  }

  /** For a pipeline that runs as this user. */
  makeFolder(uid: number): void {
    mkdirSync(this.folder, { mode: 0o750 });
    chownSync(this.folder, -1, uid);
  }

  /** The pipeline's own user; undefined: it has none. */
  get user(): number | undefined {
    return statSync(this.folder, { throwIfNoEntry: false })?.gid;
  }

  /** Where the pipeline finds the files of a folder. */
  seenFrom(dir: string): string {
    return existsSync(this.folder) ? '.' : dir;
  }

  /** After the process has ended. Its log is kept when it has something to say, until the worker's next start. */
  remove(): void {
    for (const file of [this.socket, this.identity, this.folder]) rmSync(file, { recursive: true, force: true });
    if (statSync(this.log, { throwIfNoEntry: false })?.size === 0) rmSync(this.log, { force: true });
  }

  /** The end of its log. */
  logTail(): string {
    return existsSync(this.log) ? readFileSync(this.log, 'utf8').slice(-2000) : '';
  }
}

/** Null when there is no such file, or it is damaged. */
export function readJson<T>(file: string): T | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Brings the sounds that these transfers need (and no others) from the project's folder to a pipeline that cannot read it. */
export async function bringSounds(
  { folder: dir }: PipelineFiles,
  from: string,
  transfers: { options: TransferOptions }[],
): Promise<void> {
  if (!existsSync(dir)) return;
  try {
    await bringAll(dir, from, transfers);
  } catch (error) {
    // Gone meanwhile, with the pipeline.
    if (existsSync(dir)) throw error;
  }
}

async function bringAll(dir: string, from: string, transfers: { options: TransferOptions }[]): Promise<void> {
  const wanted = new Set(
    transfers.flatMap(({ options: { sound } }) => (sound != null && SOUND_FILE.test(sound.file) ? [sound.file] : [])),
  );
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
