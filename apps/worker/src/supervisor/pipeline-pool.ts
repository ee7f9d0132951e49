import { Injectable, Logger } from '@nestjs/common';
import { Env } from '#libs/config';
import type { PipelineProcess } from './pipeline-process.js';
import { PipelineStarter } from './pipeline-starter.js';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;

/** Keeps pipeline processes ready: a publisher should not wait for a process to start. */
@Injectable()
export class PipelinePool {
  private readonly logger = new Logger(PipelinePool.name);
  private readonly ready: PipelineProcess[] = [];
  private starting = 0;
  private failures = 0;
  private closed = false;
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly starter: PipelineStarter,
    private readonly env: Env,
  ) {}

  /** A pipeline without a stream: a ready one at once, or one that is started for this. `refill` is for later, when nobody waits. */
  async take(): Promise<PipelineProcess> {
    return this.ready.shift() ?? this.starter.start();
  }

  /** Starts what is missing, one after the other: starts compete with running streams for the CPU. */
  refill(): void {
    if (this.closed || this.starting > 0 || this.timer || this.ready.length >= this.env.WARM_PIPELINES) return;
    this.starting += 1;
    this.starter.start().then(
      (pipeline) => this.started(pipeline),
      (error: unknown) => this.failed(error),
    );
  }

  /** Keeps none ready any more; resolves when those that were have ended. */
  async close(): Promise<void> {
    this.closed = true;
    if (this.timer) clearTimeout(this.timer);
    await Promise.all([this.starter.abort(), ...this.ready.splice(0).map((pipeline) => pipeline.terminate())]);
  }

  private started(pipeline: PipelineProcess): void {
    this.starting -= 1;
    this.failures = 0;
    if (this.closed) {
      pipeline.terminate().catch((error: unknown) => this.logger.warn(`pipeline ${pipeline.pid}: ${String(error)}`));
      return;
    }
    this.ready.push(pipeline);
    pipeline.onGone(() => {
      const index = this.ready.indexOf(pipeline);
      if (index === -1) return;
      this.ready.splice(index, 1);
      this.retryLater(new Error('a waiting pipeline ended'));
    });
    this.refill();
  }

  private failed(error: unknown): void {
    this.starting -= 1;
    this.retryLater(error);
  }

  private retryLater(error: unknown): void {
    if (this.closed) return;
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.failures);
    this.failures += 1;
    this.logger.error(`no pipeline could be kept ready, next try in ${pause} ms: ${String(error)}`);
    this.timer = setTimeout(() => {
      this.timer = null;
      this.refill();
    }, pause);
  }
}
