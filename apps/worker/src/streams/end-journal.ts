import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Figures } from '#libs/protocol';
import type { LeasedStream } from './stream-rows.js';

/** The end of a stream that Postgres does not know of yet. */
export interface KeptEnd {
  /** Called so in the files, which another version may have written. */
  held: LeasedStream;
  reason: string;
  detail: string | null;
  final: Figures | null;
}

const SUFFIX = '.end.json';

/** Ends of streams that could not be written, as files in RUN_DIR: the next worker there writes them. Holds no secret. */
export class EndJournal {
  private readonly dir: string;

  constructor(runDir: string) {
    this.dir = resolve(runDir);
  }

  keep(end: KeptEnd): void {
    mkdirSync(this.dir, { recursive: true, mode: 0o700 });
    const file = this.file(end.held.id);
    // Renamed into place: nobody reads half of it.
    writeFileSync(`${file}.new`, JSON.stringify(end), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }

  /** Once it is written, or somebody else has ended the stream. */
  forget(streamId: string): void {
    rmSync(this.file(streamId), { force: true });
  }

  /** A file that is damaged (a disk that was full) tells nothing and is removed. */
  read(): KeptEnd[] {
    mkdirSync(this.dir, { recursive: true, mode: 0o700 });
    return readdirSync(this.dir)
      .filter((name) => name.endsWith(SUFFIX))
      .flatMap((name) => {
        const file = join(this.dir, name);
        try {
          return [JSON.parse(readFileSync(file, 'utf8')) as KeptEnd];
        } catch (error) {
          if (!(error instanceof SyntaxError)) throw error;
          rmSync(file, { force: true });
          return [];
        }
      });
  }

  private file(streamId: string): string {
    return join(this.dir, `${streamId}${SUFFIX}`);
  }
}
