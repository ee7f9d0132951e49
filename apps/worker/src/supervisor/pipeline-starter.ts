import { Injectable } from '@nestjs/common';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Env } from '#libs/config';
import { PipelineClient } from './control-connection.js';

const READY_MS = 10_000;
/** What a pipeline may know of our environment: it gets its settings with the stream, and secrets not at all. */
const PASSED_ON = /^(PATH|HOME|LANG|TZ|MANYCAST_ROOT|LD_LIBRARY_PATH|GST_(PLUGIN|REGISTRY|DEBUG).*)$/;
/** glibc's arenas, one for each of GStreamer's many threads, would double the memory of a process. */
const MEMORY = { MALLOC_ARENA_MAX: '2' };

/** The program that is a pipeline; tests put another one here that fails in ways a real one cannot be made to. */
@Injectable()
export class PipelineProgram {
  file = join(import.meta.dirname, '../pipeline/main.js');
}

/** Starts pipeline processes, which outlive this one. */
@Injectable()
export class PipelineStarter {
  /** Absolute: the pipelines' sockets are found again by a worker that starts elsewhere. */
  readonly runDir: string;
  private readonly starting = new Set<ChildProcess>();

  constructor(
    env: Env,
    private readonly program: PipelineProgram,
  ) {
    this.runDir = resolve(env.RUN_DIR);
    mkdirSync(this.runDir, { recursive: true, mode: 0o700 });
  }

  /** Ends processes that are only just starting: nobody will connect to them. */
  abort(): void {
    for (const child of this.starting) child.kill('SIGKILL');
  }

  /** Resolves when the process is ready for a stream. Rejects with the end of its log when it does not get there. */
  async start(): Promise<PipelineClient> {
    const name = join(this.runDir, randomUUID());
    const log = openSync(`${name}.log`, 'a', 0o600);
    const child = spawn(process.execPath, ['--enable-source-maps', '--max-semi-space-size=1', this.program.file, `${name}.sock`], {
      // A session of its own: neither a signal to our group nor our end reaches it.
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...Object.fromEntries(Object.entries(process.env).filter(([key]) => PASSED_ON.test(key))), ...MEMORY },
    });
    closeSync(log);
    child.unref();
    this.starting.add(child);
    let failure: Error | null = null;
    child.once('error', (error) => (failure = error));
    child.once('exit', (code, signal) => {
      failure ??= new Error(`a pipeline ended at its start (${signal ?? code})`);
      removeIfEmpty(`${name}.log`);
    });
    try {
      return (await PipelineClient.open(`${name}.sock`, READY_MS, () => failure)).client;
    } catch (error) {
      if (failure) (failure as Error).message += `: ${endOf(`${name}.log`)}`;
      child.kill('SIGKILL');
      rmSync(`${name}.sock`, { force: true });
      throw error;
    } finally {
      this.starting.delete(child);
    }
  }
}

/** Most pipelines have nothing to say outside of their protocol; the logs of those that had are kept until the worker's next start. */
function removeIfEmpty(log: string): void {
  if (statSync(log, { throwIfNoEntry: false })?.size === 0) rmSync(log, { force: true });
}

function endOf(log: string): string {
  return existsSync(log) ? readFileSync(log, 'utf8').slice(-2000) : '';
}
