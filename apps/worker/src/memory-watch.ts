import { Injectable, Logger } from '@nestjs/common';
import { readFileSync } from 'node:fs';
import { Env } from '#libs/config';
import { Runners } from './runners.js';

/** A hostile picture is decoded in less, but then RLIMIT_DATA ends what grows faster. */
const LOOK_MS = 500;
const KB_PER_MB = 1024;

/**
 * Resident memory of the pipeline that listens on this socket, MB; null when the process is no such pipeline (any more): a pid that comes
 * from the pipeline itself is believed only where the command line names its socket.
 */
export function residentMb(pid: number, socket: string): number | null {
  try {
    if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(socket)) return null;
    return Number(/^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / KB_PER_MB;
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}

/** False when it is gone already. */
function kill(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** Ends pipelines that outgrow PIPELINE_MEMORY_MB, before all of the node's streams are short of memory. */
@Injectable()
export class MemoryWatch {
  private readonly logger = new Logger(MemoryWatch.name);
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly env: Env,
    private readonly runners: Runners,
  ) {}

  start(): void {
    this.timer = setInterval(() => this.look(), LOOK_MS);
  }

  stop(): void {
    if (this.timer) clearInterval(this.timer);
  }

  private look(): void {
    const most = this.env.PIPELINE_MEMORY_MB;
    for (const runner of this.runners.all) {
      const { pid, path } = runner.process;
      const used = residentMb(pid, path);
      if (used === null || used <= most) continue;
      this.logger.warn(`the pipeline of stream ${runner.id} takes ${Math.round(used)} MB of the ${most} that one may have: it is ended`);
      if (kill(pid)) runner.died('out_of_memory', `${Math.round(used)} MB of ${most}`);
    }
  }
}
