import { Injectable, Logger } from '@nestjs/common';
import { availableParallelism } from 'node:os';
import { Env } from '#libs/config';
import { ArrivalRate } from './arrival-rate.js';
import type { PipelineProcess } from './pipeline-process.js';
import { PipelineStarter } from './pipeline-starter.js';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
/** For publishers who wait. More at once only make each other late, and the streams that run. */
const STARTS_AT_ONCE = Math.max(2, availableParallelism());
/** Of the time that a publisher waits for its answer, the part in which its process must be there. */
const PART_FOR_START = 0.5;

/** A publisher would wait too long for a process of its own: no room, for this moment. */
export class NoPipelineInTime extends Error {}

interface Waiting {
  resolve: (pipeline: PipelineProcess) => void;
  reject: (error: unknown) => void;
  deadline: NodeJS.Timeout;
}

/** Keeps pipeline processes ready, more of them while many publishers come: none should wait for a process to start. */
@Injectable()
export class PipelinePool {
  private readonly logger = new Logger(PipelinePool.name);
  private readonly ready: PipelineProcess[] = [];
  /** Publishers for whom none was ready; the first one gets the next. */
  private readonly waiting: Waiting[] = [];
  private readonly promised = new Set<Promise<PipelineProcess>>();
  private readonly rate = new ArrivalRate();
  private starting = 0;
  private failures = 0;
  private closed = false;
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly starter: PipelineStarter,
    private readonly env: Env,
  ) {}

  /** A pipeline without a stream: a ready one at once, or the next that is. `refill` is for later, when nobody waits. Rejects with NoPipelineInTime. */
  async take(): Promise<PipelineProcess> {
    this.rate.arrived(performance.now());
    const pipeline = this.ready.shift();
    if (pipeline !== undefined) return pipeline;
    const waitMs = this.rate.waitMs(this.waiting.length + 1, STARTS_AT_ONCE);
    const longestMs = PART_FOR_START * this.env.ANSWER_TIMEOUT_MS;
    if (this.waiting.length > 0 && waitMs > longestMs)
      throw new NoPipelineInTime(`a process would be there in ${Math.round(waitMs)} ms`);
    return this.wait(longestMs);
  }

  /** Starts what is missing, one after the other: starts compete with running streams for the CPU. */
  refill(): void {
    const wanted = this.rate.wanted(this.env.WARM_PIPELINES, performance.now());
    if (this.closed || this.starting > 0 || this.timer || this.ready.length >= wanted) return;
    this.start();
  }

  /** Keeps none ready any more; who waits for one still gets it. Resolves when those that nobody took have ended. */
  async close(): Promise<void> {
    this.closed = true;
    if (this.timer) clearTimeout(this.timer);
    await Promise.all([
      ...this.ready.splice(0).map((pipeline) => pipeline.terminate()),
      // Each has a deadline.
      Promise.allSettled(this.promised).then(() => this.starter.abort()),
    ]);
  }

  private wait(longestMs: number): Promise<PipelineProcess> {
    const taken = new Promise<PipelineProcess>((resolve, reject) => {
      const waiting = { resolve, reject, deadline: setTimeout(() => this.giveUp(waiting), longestMs) };
      this.waiting.push(waiting);
    });
    this.promised.add(taken);
    const forget = (): boolean => this.promised.delete(taken);
    taken.then(forget, forget);
    this.startForWaiting();
    return taken;
  }

  private nextWaiting(): Waiting | undefined {
    const next = this.waiting.shift();
    clearTimeout(next?.deadline);
    return next;
  }

  private giveUp(waiting: Waiting): void {
    const index = this.waiting.indexOf(waiting);
    if (index !== -1) this.waiting.splice(index, 1);
    waiting.reject(new NoPipelineInTime('no process was there in time'));
  }

  private startForWaiting(): void {
    while (this.starting < Math.min(this.waiting.length, STARTS_AT_ONCE)) this.start();
  }

  private start(): void {
    this.starting += 1;
    const began = performance.now();
    this.starter.start().then(
      (pipeline) => {
        this.starting -= 1;
        this.rate.started(performance.now() - began);
        this.started(pipeline);
      },
      (error: unknown) => {
        this.starting -= 1;
        this.failed(error);
      },
    );
  }

  private started(pipeline: PipelineProcess): void {
    this.failures = 0;
    const next = this.nextWaiting();
    if (next !== undefined) next.resolve(pipeline);
    else if (this.closed)
      pipeline.terminate().catch((error: unknown) => this.logger.warn(`pipeline ${pipeline.pid}: ${String(error)}`));
    else this.keep(pipeline);
    this.startForWaiting();
    this.refill();
  }

  private keep(pipeline: PipelineProcess): void {
    this.ready.push(pipeline);
    pipeline.onGone(() => {
      const index = this.ready.indexOf(pipeline);
      if (index === -1) return;
      this.ready.splice(index, 1);
      this.retryLater(new Error('a waiting pipeline ended'));
    });
  }

  /** Whoever waits longest hears of it; the others have starts of their own. */
  private failed(error: unknown): void {
    const next = this.nextWaiting();
    next?.reject(error);
    this.startForWaiting();
    if (next === undefined) this.retryLater(error);
    else this.refill();
  }

  private retryLater(error: unknown): void {
    if (this.closed || this.timer) return;
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.failures);
    this.failures += 1;
    this.logger.error(`no pipeline could be kept ready, next try in ${pause} ms: ${String(error)}`);
    this.timer = setTimeout(() => {
      this.timer = null;
      this.refill();
    }, pause);
  }
}
