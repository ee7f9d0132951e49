import { Processor, WorkerHost } from '@nestjs/bullmq';
import { Logger } from '@nestjs/common';
import { type Job, WaitingError } from 'bullmq';
import { setTimeout as sleep } from 'node:timers/promises';
import { Env, withLogFields } from '#libs/config';
import { STREAMS_QUEUE, type StreamJob, Wire } from '#libs/queue';
import { PipelineError } from '../supervisor/control-connection.js';
import { NoPipelineInTime, PipelinePool } from '../supervisor/pipeline-pool.js';
import { Runners } from './runners.js';
import { type ClaimedStream, type LeasedStream, StreamRows } from './stream-rows.js';

/** Publishers that are answered at the same time; each takes milliseconds. */
const CONCURRENCY = 16;
/** A full node looks for no job for this long after it has put one back: looking at the same moment as a node with room, it could be first each time. */
const FULL_PAUSE_MS = 200;
/** After the queue's own loop has failed. */
const AGAIN_MS = 1000;

/** At the end: how long the answers at hand may take, and how long the queue may take to hear that they are given. */
const CLOSE_MS = 3000;
const TELL_QUEUE_MS = 500;

/** Takes streams: claims the row, starts a pipeline, sends the answer. The job is over then; the stream lives on its lease. */
@Processor(STREAMS_QUEUE, { concurrency: CONCURRENCY, autorun: false })
export class StreamsProcessor extends WorkerHost {
  private readonly logger = new Logger(StreamsProcessor.name);
  private readonly serving = new Set<Promise<void>>();
  private isStopping = false;

  constructor(
    private readonly env: Env,
    private readonly wire: Wire,
    private readonly rows: StreamRows,
    private readonly runners: Runners,
    private readonly pool: PipelinePool,
  ) {
    super();
  }

  /** Begins to take jobs; not before this node has its old streams back. */
  start(): void {
    this.worker.on('error', (error) => this.logger.warn(`queue: ${error.message}`));
    this.takeJobs().catch((error: unknown) => this.logger.error(error));
  }

  /** Until this node stops: one that is announced but takes no jobs would leave its publishers without an answer. */
  private async takeJobs(): Promise<void> {
    while (!this.isStopping) {
      try {
        return await this.worker.run();
      } catch (error) {
        this.logger.error(`no jobs are taken for ${AGAIN_MS} ms: ${String(error)}`);
        await sleep(AGAIN_MS, undefined, { ref: false });
      }
    }
  }

  /** Takes no more jobs; those at hand are finished. Not later than CLOSE_MS: the queue waits without a limit for a Redis that is away. */
  async stop(): Promise<void> {
    this.isStopping = true;
    const closed = this.worker
      .close()
      .catch((error: unknown) => this.logger.warn(`queue not closed: ${String(error)}`));
    const served = Promise.allSettled(this.serving).then(() => sleep(TELL_QUEUE_MS, undefined, { ref: false }));
    await Promise.race([closed, served, sleep(CLOSE_MS, undefined, { ref: false })]);
  }

  async process(job: Job<StreamJob>, token?: string): Promise<void> {
    const served = withLogFields({ streamId: job.data.streamId }, () => this.serve(job, token));
    this.serving.add(served);
    try {
      await served;
    } finally {
      this.serving.delete(served);
    }
  }

  private async serve(job: Job<StreamJob>, token: string | undefined): Promise<void> {
    const { streamId, sessionId, replyTo } = job.data;
    if (!this.runners.reserve(streamId)) {
      // Whether somebody still waits is what the row says: the job's time is of another machine's clock.
      const isWaiting = await this.rows.isUnclaimed(streamId).catch(() => true);
      return isWaiting ? this.putBack(job, token) : undefined;
    }
    this.worker.concurrency = CONCURRENCY;
    try {
      const claimed = await this.rows.claim(streamId, sessionId);
      // None: late, or run twice by the queue.
      if (claimed) await this.begin(claimed, sessionId, replyTo);
    } finally {
      this.runners.release(streamId);
      // Now that nobody waits.
      this.pool.refill();
    }
  }

  /** Leaves a job to nodes with room: puts it back without a time, which nodes with other clocks would read differently. */
  private async putBack(job: Job, token: string | undefined): Promise<never> {
    // While this one place is taken, nothing else is fetched.
    this.worker.concurrency = 1;
    await job.moveToWait(token);
    await sleep(FULL_PAUSE_MS);
    throw new WaitingError();
  }

  private async begin(
    { leased, offer, endsOnClose }: ClaimedStream,
    sessionId: string,
    replyTo: string,
  ): Promise<void> {
    try {
      // Before a pipeline is taken: one that no runner holds would be left behind.
      if (offer === null) throw new Error('its session is gone');
      const runner = this.runners.add(leased, await this.pool.take());
      await runner.claim(this.runners.settings(leased.projectId));
      // Together: neither needs the other, and the publisher waits for both.
      const [sdp, mayAnswer] = await Promise.all([
        runner.offer(sessionId, { sdp: offer, endsOnClose }, this.env.ANSWER_TIMEOUT_MS),
        this.rows.answered(leased, sessionId),
      ]);
      if (!mayAnswer) return await runner.fence();
      await this.wire.reply(replyTo, sessionId, { sdp });
      runner.begun();
    } catch (error) {
      return this.giveUp(leased, sessionId, replyTo, error);
    }
    await this.afterwards(leased.id);
  }

  /** What the publisher need not wait for; the sweep of transfers repeats what fails here. */
  private async afterwards(streamId: string): Promise<void> {
    try {
      await this.runners.get(streamId)?.syncTransfers();
    } catch (error) {
      this.logger.warn(`stream ${streamId} began, but: ${String(error)}`);
    }
  }

  private async giveUp(leased: LeasedStream, sessionId: string, replyTo: string, error: unknown): Promise<void> {
    const refusal = toRefusal(error);
    const negotiation = refusal.code === 'negotiation_failed';
    if (negotiation) this.logger.log(`stream ${leased.id}: ${refusal.message}`);
    else this.logger.error(`stream ${leased.id} could not be started: ${String(error)}`);
    await this.wire
      .refuse(replyTo, sessionId, refusal)
      .catch((failure: unknown) => this.logger.warn(`no refusal sent: ${String(failure)}`));
    // Whoever sees that the stream has ended may publish it again: nothing may still be sent for it.
    await this.runners.get(leased.id)?.fence();
    await this.rows.end(leased, refusal.code, negotiation ? refusal.message : null, null).catch((failure: unknown) => {
      this.logger.warn(`the end of stream ${leased.id} is left to its lease: ${String(failure)}`);
    });
  }
}

/** What the publisher is told. */
function toRefusal(error: unknown): { code: string; message: string } {
  if (error instanceof PipelineError && error.code === 'negotiation_failed')
    return { code: error.code, message: error.message };
  if (error instanceof PipelineError && error.code === 'no_answer')
    return { code: error.code, message: 'The pipeline did not answer in time.' };
  if (error instanceof NoPipelineInTime) return { code: 'no_free_slot', message: 'This node has no room right now.' };
  return { code: 'service_error', message: 'The pipeline could not be started.' };
}
