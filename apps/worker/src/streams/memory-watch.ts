import { Injectable, Logger } from '@nestjs/common';
import { Env } from '#libs/config';
import { Runners } from './runners.js';

/** A hostile picture is decoded in less, but then RLIMIT_DATA ends what grows faster. */
const LOOK_MS = 500;

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
      const used = runner.residentMb;
      if (used === null || used <= most) continue;
      this.logger.warn(
        `the pipeline of stream ${runner.id} takes ${Math.round(used)} MB of the ${most} that one may have: it is killed`,
      );
      runner.kill('out_of_memory', `${Math.round(used)} MB of ${most}`);
    }
  }
}
