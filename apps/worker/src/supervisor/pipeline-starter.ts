import { Injectable, Logger } from '@nestjs/common';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { Env } from '#libs/config';
import type { PipelineFiles } from './pipeline-files.js';
import { PipelineProcess } from './pipeline-process.js';
import { chooseUid, ownRights, reasonForSharedUser } from './pipeline-user.js';
import { identify } from './process-identity.js';
import { RunDir } from './run-dir.js';

const READY_MS = 10_000;
/** What a pipeline may know of our environment: where GStreamer is and keeps its registry, and whose certificates are trusted. Its settings come with the stream, secrets not at all. */
const PASSED_ON =
  /^(HOME|XDG_CACHE_HOME|LANG|TZ|NODE_DEBUG|LD_LIBRARY_PATH|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)|GST_(PLUGIN|REGISTRY|DEBUG)[A-Z0-9_]*)$/;
/** glibc's arenas, one for each of GStreamer's many threads, would double the memory of a process. */
const MEMORY = { MALLOC_ARENA_MAX: '2' };

/** The program that is a pipeline; tests put another one here that fails in ways a real one cannot be made to. */
@Injectable()
export class PipelineProgram {
  file = join(import.meta.dirname, '../../../pipeline/src/process/main.js');
}

/** Starts pipeline processes, which outlive this one. */
@Injectable()
export class PipelineStarter {
  private readonly logger = new Logger(PipelineStarter.name);
  private readonly starting = new Set<PipelineProcess>();

  /** Why pipelines cannot have users of their own. */
  private readonly sharedUserReason = reasonForSharedUser(ownRights());
  private hasTold = false;

  constructor(
    private readonly env: Env,
    private readonly runDir: RunDir,
    private readonly program: PipelineProgram,
  ) {}

  /** Ends processes that are only just starting: nobody will use them. */
  async abort(): Promise<void> {
    await Promise.all([...this.starting].map((pipeline) => pipeline.terminate()));
  }

  /** Resolves when the process is ready for a stream. Rejects with the end of its log when it does not get there. */
  async start(): Promise<PipelineProcess> {
    const files = this.runDir.newFiles();
    const pipeline = await this.spawn(files);
    this.starting.add(pipeline);
    try {
      const { unconfined = [] } = await pipeline.connect(READY_MS);
      this.tell(unconfined);
      return pipeline;
    } catch (error) {
      const logTail = files.logTail();
      await pipeline.terminate();
      throw new Error(`a pipeline did not start: ${(error as Error).message}${logTail && `: ${logTail}`}`, {
        cause: error,
      });
    } finally {
      this.starting.delete(pipeline);
    }
  }

  private async spawn(files: PipelineFiles): Promise<PipelineProcess> {
    const uid = this.sharedUserReason === null ? chooseUid(this.runDir.usersTaken()) : 0;
    if (uid !== 0) files.makeFolder(uid);
    const log = openSync(files.log, 'a', 0o600);
    const child = spawn(
      process.execPath,
      [
        '--enable-source-maps',
        '--max-semi-space-size=1',
        this.program.file,
        files.socket,
        String(uid),
        String(this.env.PIPELINE_MEMORY_MB),
      ],
      {
        cwd: uid === 0 ? undefined : files.folder,
        // A session of its own: neither a signal to our group nor our end reaches it.
        detached: true,
        stdio: ['ignore', log, log],
        env: { ...Object.fromEntries(Object.entries(process.env).filter(([key]) => PASSED_ON.test(key))), ...MEMORY },
      },
    );
    closeSync(log);
    child.unref();
    const exit = new Promise<string>((resolve) =>
      child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`)),
    );
    await once(child, 'spawn');
    child.on('error', (error) => this.logger.warn(`pipeline ${child.pid}: ${error.message}`));
    const identity = identify(child.pid as number);
    if (!identity) {
      files.remove();
      throw new Error(`a pipeline ended at its start: ${files.logTail()}`);
    }
    files.writeIdentity(identity);
    return new PipelineProcess(files, identity, exit);
  }

  /** Once: it is the same for all. */
  private tell(unconfined: string[]): void {
    if (this.hasTold) return;
    this.hasTold = true;
    const missing = [
      ...(this.sharedUserReason === null ? [] : [`a user of its own: ${this.sharedUserReason}`]),
      ...unconfined,
    ];
    if (missing.length > 0) this.logger.warn(`a pipeline here runs without ${missing.join('; ')}`);
  }
}
