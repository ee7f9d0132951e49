import { Injectable, Logger } from '@nestjs/common';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { PipelineProcess } from './pipeline-process.js';
import { identify, type ProcessIdentity } from './process-identity.js';
import { type PipelineFiles, RunDir } from './run-dir.js';

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
  private readonly logger = new Logger(PipelineStarter.name);
  private readonly starting = new Set<PipelineProcess>();

  constructor(
    private readonly runDir: RunDir,
    private readonly program: PipelineProgram,
  ) {}

  /** Ends processes that are only just starting: nobody will use them. */
  async abort(): Promise<void> {
    await Promise.all([...this.starting].map((pipeline) => pipeline.endUnasked()));
  }

  /** Resolves when the process is ready for a stream. Rejects with the end of its log when it does not get there. */
  async start(): Promise<PipelineProcess> {
    const files = this.runDir.newFiles();
    const pipeline = new PipelineProcess(files, await this.spawn(files));
    this.starting.add(pipeline);
    try {
      await pipeline.connect(READY_MS);
      return pipeline;
    } catch (error) {
      const lastWords = files.lastWords();
      await pipeline.endUnasked();
      throw new Error(`a pipeline did not start: ${(error as Error).message}${lastWords && `: ${lastWords}`}`, { cause: error });
    } finally {
      this.starting.delete(pipeline);
    }
  }

  private async spawn(files: PipelineFiles): Promise<ProcessIdentity> {
    const log = openSync(files.log, 'a', 0o600);
    const child = spawn(process.execPath, ['--enable-source-maps', '--max-semi-space-size=1', this.program.file, files.socket], {
      // A session of its own: neither a signal to our group nor our end reaches it.
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...Object.fromEntries(Object.entries(process.env).filter(([key]) => PASSED_ON.test(key))), ...MEMORY },
    });
    closeSync(log);
    child.unref();
    // From then on it has a pid; an error later (a signal that it cannot be sent, say) is seen by what did not happen.
    await once(child, 'spawn');
    child.on('error', (error) => this.logger.warn(`pipeline ${child.pid}: ${error.message}`));
    const identity = identify(child.pid as number);
    if (!identity) throw new Error(`a pipeline ended at its start: ${files.lastWords()}`);
    files.writeIdentity(identity);
    return identity;
  }
}
