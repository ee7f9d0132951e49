import { Logger } from '@nestjs/common';
import { withLogFields } from '#libs/config';
import {
  FIRST_MEDIA_MS,
  type Figures,
  type In,
  type Out,
  type PipelineOp,
  type PipelineSettings,
  type Snapshot,
  type TransferStatus,
  type WantedTransfer,
} from '#libs/protocol';
import type { PipelineFiles } from '../supervisor/pipeline-files.js';
import type { PipelineEvent, PipelineProcess } from '../supervisor/pipeline-process.js';
import type { LeasedStream, SessionsChange, StreamRows } from './stream-rows.js';
import { StreamWriter } from './stream-writer.js';

const CALL_MS = 3000;
/** What is left for the answer's way back to a publisher when a pipeline needs all its time. */
const RETURN_MS = 500;
/** However many clients ask for it, a thumbnail is decoded no more often than this. */
const THUMBNAIL_MS = 4000;
/** How long rows may take to be written when a stream ends, while Postgres is away. */
const END_MS = 60_000;
/** And how long the end of its sessions may take before the pipeline is told all the same. */
const SESSIONS_MS = 1000;
/** How long rows may take to be written when the pipeline is handed over to another worker. */
const HAND_OVER_MS = 5000;
/** After so long a pipeline has given up a session that brought no media; its timers and ours are not exact. */
const ABANDONED_SESSION_MS = FIRST_MEDIA_MS + 5000;

/** What a runner needs from the worker around it. */
export interface RunnerContext {
  rows: StreamRows;
  /** The outputs that the stream must have now. */
  wantedTransfers: (streamId: string) => Promise<WantedTransfer[]>;
  /** Brings the files that these transfers need to a pipeline. */
  bringFiles: (files: PipelineFiles, projectId: string, transfers: WantedTransfer[]) => Promise<void>;
  noteFigures: (streamId: string, figures: Figures) => void;
  /** The stream is not ours any more; its pipeline still ends. */
  onLost: (runner: StreamRunner) => void;
  /** The pipeline has ended, and what was to be written is. */
  onOver: (runner: StreamRunner) => void;
}

/** One stream that this node runs: tells its pipeline what to do, and writes the pipeline's events into the rows. */
export class StreamRunner {
  private readonly logger = new Logger(StreamRunner.name);
  private readonly writer: StreamWriter;
  private state: 'starting' | 'running' | 'stopping' | 'over' = 'starting';
  /** The pipeline ended before the stream had begun: whoever begins it finds out by its call. */
  private endedEarly = false;
  private wasLive = false;
  /** The session that feeds the stream, or did last. */
  private feeding: string | null = null;
  private syncing: Promise<void> | null = null;
  private syncAgain = false;
  private thumbnailAsked: { at: number; jpeg: Promise<string | null> } | null = null;

  constructor(
    readonly leased: LeasedStream,
    private readonly pipeline: PipelineProcess,
    private readonly context: RunnerContext,
  ) {
    this.writer = new StreamWriter(leased, context.rows, () => this.fence());
    // Events come from a socket, whoever opened it.
    pipeline.onEvent((event) => withLogFields({ streamId: this.id }, () => this.handle(event)));
    pipeline.onGone(() => withLogFields({ streamId: this.id }, () => this.crashed()));
  }

  get id(): string {
    return this.leased.id;
  }

  /** Resident memory of the pipeline, MB; null when it has ended. */
  get residentMb(): number | null {
    return this.pipeline.residentMb;
  }

  /** Kills the pipeline: its stream ends for this reason. */
  kill(reason: string, detail: string): void {
    this.over(this.pipeline.kill(), reason, detail, null);
  }

  /** Binds a fresh pipeline to the stream. */
  async claim(settings: PipelineSettings): Promise<void> {
    const mediaDir = this.pipeline.files.seenFrom(settings.mediaDir);
    await this.call('claim', {
      streamId: this.leased.id,
      epoch: this.leased.epoch,
      settings: { ...settings, mediaDir },
    });
    this.logger.log(`stream ${this.id} runs in process ${this.pipeline.pid}`);
  }

  /** The publisher has its answer: from now on the end of the pipeline is the end of the stream. */
  begun(): void {
    if (this.state !== 'starting') return;
    this.state = 'running';
    if (this.endedEarly) this.crashed();
  }

  /** Its first publisher is answered, and it has not been told to end. */
  get isRunning(): boolean {
    return this.state === 'running';
  }

  /** The SDP answer to a publisher's offer, for an API that waits so long for it. */
  async offer(
    sessionId: string,
    offer: { sdp: string; endsOnClose: boolean },
    answerTimeoutMs: number,
  ): Promise<string> {
    return (await this.pipeline.call('offer', { sessionId, ...offer }, answerTimeoutMs - RETURN_MS)).sdp;
  }

  /** Passes an operation on to the pipeline. */
  call<Op extends PipelineOp>(op: Op, body: In<Op>): Promise<Out<Op>> {
    return this.pipeline.call(op, body, CALL_MS);
  }

  /** A recent thumbnail as JPEG in base64; null while there is none. */
  thumbnail(): Promise<string | null> {
    const now = performance.now();
    if (this.thumbnailAsked && now - this.thumbnailAsked.at < THUMBNAIL_MS) return this.thumbnailAsked.jpeg;
    const jpeg = this.call('thumbnail', { streamId: this.id }).then((answer) => answer.jpeg);
    const asked = { at: now, jpeg };
    this.thumbnailAsked = asked;
    // What is not there yet, or failed, is looked for again.
    const forget = (): void => {
      if (this.thumbnailAsked === asked) this.thumbnailAsked = null;
    };
    jpeg.then((found) => found === null && forget(), forget);
    return jpeg;
  }

  /** Brings the pipeline's outputs to what the rows say; calls that come meanwhile are served by one more round. */
  syncTransfers(): Promise<void> {
    this.syncAgain = true;
    this.syncing ??= this.sync().finally(() => (this.syncing = null));
    return this.syncing;
  }

  /** An adopted pipeline: what happened while nobody watched becomes rows. */
  adopted(snapshot: Snapshot): void {
    this.state = 'running';
    this.restore(snapshot);
  }

  private restore(snapshot: Snapshot): void {
    if (snapshot.input === 'live' || snapshot.input === 'lost') this.wasLive = true;
    this.feeding ??= snapshot.sessionId;
    this.inputChanged(snapshot.input, null, snapshot.sessionId);
    if (snapshot.problem) this.problemChanged(snapshot.problem);
    for (const status of snapshot.transfers) this.writer.transferChanged(status);
  }

  /** Ends the stream: outputs are closed properly, rows written. */
  async stop(reason: string): Promise<void> {
    if (this.state !== 'running' && this.state !== 'starting') return;
    this.state = 'stopping';
    // The pipeline tells the publishers, who ask at once what it means.
    this.writer.sessionsChanged([endSessions({}, reason)]);
    await this.writer.settle(SESSIONS_MS);
    await this.finish(reason, null, await this.pipeline.end());
  }

  /** Somebody else owns the stream, or it has ended: nothing more is written. Resolves when the pipeline has ended. */
  async fence(): Promise<void> {
    if (this.state === 'over') return;
    this.state = 'over';
    this.writer.stop();
    this.context.onLost(this);
    this.logger.warn(`stream ${this.id} is not ours any more: its pipeline is ended`);
    await this.pipeline.end();
    this.context.onOver(this);
  }

  /** Leaves the pipeline running for the worker that comes after us; what is known by now is written first. */
  async handOver(): Promise<void> {
    this.state = 'over';
    if (!(await this.writer.settle(HAND_OVER_MS)))
      this.logger.warn(`stream ${this.id}: its last changes could not be written`);
    this.writer.stop();
    this.pipeline.release();
  }

  private handle(event: PipelineEvent): void {
    if (this.state === 'over') return;
    switch (event.event) {
      case 'input':
        return this.inputChanged(event.body.state, event.body.reason, event.body.sessionId);
      case 'sessionOver':
        return this.writer.sessionsChanged([endSessions({ id: event.body.sessionId }, event.body.reason)]);
      case 'problem':
        return this.problemChanged(event.body.reason);
      case 'transfer':
        return this.transferChanged(event.body);
      case 'figures':
        return this.context.noteFigures(this.id, event.body);
      case 'ended':
        return this.over(this.pipeline.terminate(), event.body.reason, event.body.detail ?? null, event.body.final);
      case 'log':
        this.logger[event.body.level === 'info' ? 'log' : event.body.level](
          `pipeline of stream ${this.id}: ${event.body.message}`,
        );
        return;
      case 'hello':
        return this.restore(event.body);
    }
  }

  private inputChanged(state: Snapshot['input'], reason: string | null, sessionId: string | null): void {
    if (state === 'live') {
      const startedAt = this.wasLive ? {} : { startedAt: new Date() };
      this.wasLive = true;
      this.writer.streamChanged(
        { state: 'live', reason: null, reasonDetail: null, ...startedAt },
        { type: 'stream.live' },
        sessionId === null ? [] : this.firstMediaOf(sessionId),
      );
    } else if (state === 'lost' && this.wasLive) {
      this.writer.streamChanged(
        { state: 'reconnecting', reason, reasonDetail: null },
        { type: 'stream.reconnecting', data: { reason } },
      );
    }
    // `connecting` was written with the answer.
  }

  /** A live stream whose video or sound does not arrive says so. */
  private problemChanged(reason: string | null): void {
    const event = reason === null ? { type: 'stream.recovered' } : { type: 'stream.problem', data: { reason } };
    this.writer.streamChanged({ reason, reasonDetail: null }, event);
  }

  /** When a session feeds the stream, the pipeline closes the one that did before, and has given up those that never did: their rows end as well. */
  private firstMediaOf(sessionId: string): SessionsChange[] {
    const replaced = this.feeding;
    this.feeding = sessionId;
    const now = new Date();
    return [
      { where: { id: sessionId, heardAt: null }, data: { heardAt: now } },
      {
        ...endSessions({ id: { not: sessionId } }, 'taken_over'),
        begunBefore: performance.now() - ABANDONED_SESSION_MS,
      },
      ...(replaced === null || replaced === sessionId ? [] : [endSessions({ id: replaced }, 'taken_over')]),
    ];
  }

  private transferChanged(status: TransferStatus): void {
    // The end of the stream ends its transfers in one write; only the totals of one that was removed just before are not in it.
    if (status.state === 'ended' && !status.figures && this.state === 'stopping') return;
    this.writer.transferChanged(status);
  }

  private async sync(): Promise<void> {
    while (this.syncAgain && this.state === 'running') {
      this.syncAgain = false;
      const transfers = await this.context.wantedTransfers(this.id);
      await this.context.bringFiles(this.pipeline.files, this.leased.projectId, transfers);
      await this.call('setTransfers', { transfers });
    }
  }

  /** The pipeline ends by itself, or was killed: once it has, the stream is over. */
  private over(ended: Promise<unknown>, reason: string, detail: string | null, final: Figures | null): void {
    if (this.state !== 'running' && this.state !== 'starting') return;
    this.state = 'stopping';
    ended
      .then(() => this.finish(reason, detail, final))
      .catch((error: unknown) => this.logger.error(`the end of stream ${this.id}: ${String(error)}`));
  }

  private crashed(): void {
    const { how } = this.pipeline;
    if (this.state === 'starting') this.endedEarly = true;
    else this.over(Promise.resolve(), 'pipeline_crashed', how === null ? null : `it ended by ${how}`, null);
  }

  private async finish(reason: string, detail: string | null, final: Figures | null): Promise<void> {
    await this.writer.end(reason, detail, final, END_MS).catch((error: unknown) => {
      this.logger.error(`the end of stream ${this.id} could not be written; its lease will run out: ${String(error)}`);
    });
    if (this.state === 'over') return;
    this.state = 'over';
    this.context.onOver(this);
  }
}

const endSessions = (where: SessionsChange['where'], reason: string): SessionsChange => ({
  where: { ...where, endedAt: null },
  data: { endedAt: new Date(), offer: null, reason },
});
