import { Logger } from '@nestjs/common';
import { withLogFields } from '#libs/config';
import type { FinalReport, PipelineSettings, Snapshot, TransferStatus, WantedTransfer } from './pipeline/protocol.js';
import { PipelineClient, type PipelineEvent } from './pipeline-client.js';
import type { Held, SessionsChange, StreamRows } from './stream-rows.js';
import { StreamWriter } from './stream-writer.js';

const CALL_MS = 3000;
const STOP_MS = 6000;
/** What is left for the answer's way back to a publisher when a pipeline needs all its time. */
const RETURN_MS = 500;
/** However many look at a stream, its picture is decoded no more often than this. */
const THUMBNAIL_MS = 4000;
/** How long rows may take to be written when a stream ends, while Postgres is away. */
const END_MS = 60_000;
/** And how long the end of its sessions may take before the pipeline is told all the same. */
const SESSIONS_MS = 1000;
/** How long rows may take to be written when the pipeline is left to another worker. */
const LEAVE_MS = 5000;
/** A pipeline gives up a session that brings no media for 15 s. */
const GIVEN_UP_MS = 20_000;
/** A pipeline whose connection broke is given so long to be reached again, before it counts as gone. */
const REACH_AGAIN_MS = 1000;

/** What a runner needs from the worker around it. */
export interface RunnerContext {
  rows: StreamRows;
  /** The outputs that the stream shall have now. */
  wantedTransfers: (streamId: string) => Promise<WantedTransfer[]>;
  publishFigures: (streamId: string, figures: unknown) => void;
  /** The stream is not run here any more. */
  onOver: (runner: StreamRunner) => void;
}

/** One stream that this node runs: the worker's hand on its pipeline, and the pipeline's events on their way to the rows. */
export class StreamRunner {
  private readonly logger = new Logger(StreamRunner.name);
  private readonly writer: StreamWriter;
  private state: 'running' | 'stopping' | 'over' = 'running';
  private wasLive = false;
  /** The session that feeds the stream, or did last. */
  private feeding: string | null = null;
  private syncing: Promise<void> | null = null;
  private syncAgain = false;
  private thumbnailAsked: { at: number; jpeg: Promise<string | null> } | null = null;

  constructor(
    readonly held: Held,
    private client: PipelineClient,
    private readonly context: RunnerContext,
  ) {
    this.writer = new StreamWriter(held, context.rows, () => this.fence());
    this.attach(client);
  }

  get id(): string {
    return this.held.id;
  }

  /** Binds a fresh pipeline to the stream. */
  async claim(settings: PipelineSettings): Promise<void> {
    await this.client.call('claim', { streamId: this.held.id, epoch: this.held.epoch, settings }, CALL_MS);
    this.logger.log(`stream ${this.id} runs in process ${this.client.pid}`);
  }

  /** The SDP answer to a publisher's offer, for an API that waits so long for it. */
  async offer(sessionId: string, sdp: string, answerTimeoutMs: number): Promise<string> {
    return (await this.client.call('offer', { sessionId, sdp }, answerTimeoutMs - RETURN_MS)).sdp;
  }

  async candidates(sessionId: string, fragment: string): Promise<void> {
    await this.client.call('candidates', { sessionId, fragment }, CALL_MS);
  }

  async restartIce(sessionId: string, fragment: string): Promise<string> {
    return (await this.client.call('restartIce', { sessionId, fragment }, CALL_MS)).fragment;
  }

  async endSession(sessionId: string, reason: string): Promise<void> {
    await this.client.call('endSession', { sessionId, reason }, CALL_MS);
  }

  async retryTransfer(id: string): Promise<void> {
    await this.client.call('retryTransfer', { id }, CALL_MS);
  }

  /** A recent picture as JPEG in base64; null while there is none. */
  thumbnail(): Promise<string | null> {
    const now = performance.now();
    if (this.thumbnailAsked && now - this.thumbnailAsked.at < THUMBNAIL_MS) return this.thumbnailAsked.jpeg;
    const jpeg = this.client.call('thumbnail', {}, CALL_MS).then((answer) => answer.jpeg);
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
  takeOver(snapshot: Snapshot): void {
    if (snapshot.input === 'live' || snapshot.input === 'lost') this.wasLive = true;
    this.feeding ??= snapshot.sessionId;
    this.inputChanged(snapshot.input, null, snapshot.sessionId);
    for (const status of snapshot.transfers) this.writer.transferChanged(status);
  }

  /** Ends the stream: outputs are closed properly, rows written. */
  async stop(reason: string): Promise<void> {
    if (this.state !== 'running') return;
    this.state = 'stopping';
    // The pipeline tells the publishers, who ask at once what it means.
    this.writer.sessionsChanged([endSessions({}, reason)]);
    await this.writer.settle(SESSIONS_MS);
    const final = await this.client.call('stop', {}, STOP_MS).catch((error: unknown) => {
      this.logger.warn(`stream ${this.id} did not stop properly: ${String(error)}`);
      return null;
    });
    await this.finish(reason, null, final);
  }

  /** Somebody else owns the stream, or it ended: the pipeline ends, and nothing is written. */
  fence(): void {
    if (this.state === 'over') return;
    this.state = 'over';
    this.writer.stop();
    this.logger.warn(`stream ${this.id} is not ours any more: its pipeline is stopped`);
    const client = this.client;
    void client
      .call('stop', {}, STOP_MS)
      .catch(() => undefined)
      .finally(() => client.disconnect());
    this.context.onOver(this);
  }

  /** Leaves the pipeline running for the worker that comes after us; what is known by now is written first. */
  async leave(): Promise<void> {
    this.state = 'over';
    if (!(await this.writer.settle(LEAVE_MS))) this.logger.warn(`stream ${this.id}: its last changes could not be written`);
    this.writer.stop();
    this.client.disconnect();
  }

  private attach(client: PipelineClient): void {
    this.client = client;
    // Events come from a socket, whoever opened it.
    client.onEvent((event) => withLogFields({ streamId: this.id }, () => this.handle(event)));
    client.onClose(() => void withLogFields({ streamId: this.id }, () => this.reachAgain()));
  }

  private handle(event: PipelineEvent): void {
    if (this.state === 'over') return;
    switch (event.event) {
      case 'input':
        return this.inputChanged(event.body.state, event.body.reason, event.body.sessionId);
      case 'sessionOver':
        return this.writer.sessionsChanged([endSessions({ id: event.body.sessionId }, event.body.reason)]);
      case 'transfer':
        return this.transferChanged(event.body);
      case 'figures':
        return this.context.publishFigures(this.id, event.body);
      case 'ended':
        if (this.state !== 'running') return;
        this.state = 'stopping';
        void this.finish(event.body.reason, null, event.body.final);
        return;
      case 'log':
        this.logger[event.body.level === 'info' ? 'log' : event.body.level](`pipeline of stream ${this.id}: ${event.body.message}`);
        return;
      case 'hello':
    }
  }

  private inputChanged(state: Snapshot['input'], reason: string | null, sessionId: string | null): void {
    if (state === 'live') {
      const startedAt = this.wasLive ? {} : { startedAt: new Date() };
      this.wasLive = true;
      this.writer.streamChanged({ state: 'live', reason: null, reasonDetail: null, ...startedAt }, { type: 'stream.live' }, sessionId === null ? [] : this.heard(sessionId));
    } else if (state === 'lost' && this.wasLive) {
      this.writer.streamChanged({ state: 'reconnecting', reason, reasonDetail: null }, { type: 'stream.reconnecting', data: { reason } });
    }
    // `connecting` was written with the answer.
  }

  /** When a session feeds the stream, the pipeline closes the one that did before, and has given up those that never did: their rows end as well. */
  private heard(sessionId: string): SessionsChange[] {
    const replaced = this.feeding;
    this.feeding = sessionId;
    const now = new Date();
    return [
      { where: { id: sessionId, heardAt: null }, data: { heardAt: now } },
      { ...endSessions({ id: { not: sessionId } }, 'taken_over'), begunBefore: performance.now() - GIVEN_UP_MS },
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
      await this.client.call('setTransfers', { transfers }, CALL_MS);
    }
  }

  /** The connection broke: the process is gone, or only the connection is. */
  private async reachAgain(): Promise<void> {
    if (this.state !== 'running') return;
    try {
      const { client, hello } = await PipelineClient.open(this.client.path, REACH_AGAIN_MS);
      this.attach(client);
      this.takeOver(hello);
    } catch {
      // Nobody listens there any more: not an error of ours but the end of the pipeline.
      if (this.state !== 'running') return;
      this.state = 'stopping';
      await this.finish('pipeline_crashed', null, null);
    }
  }

  private async finish(reason: string, detail: string | null, final: FinalReport | null): Promise<void> {
    this.client.disconnect();
    await this.writer.end(reason, detail, final, END_MS).catch((error: unknown) => {
      this.logger.error(`the end of stream ${this.id} could not be written; its lease will run out: ${String(error)}`);
    });
    if (this.state === 'over') return;
    this.state = 'over';
    this.context.onOver(this);
  }
}

const endSessions = (where: SessionsChange['where'], reason: string): SessionsChange => ({ where: { ...where, endedAt: null }, data: { endedAt: new Date(), offer: null, reason } });
