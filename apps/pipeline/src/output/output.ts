import { TransferError } from '#libs/transfer';
import type { TransferFigures, TransferStatus, WantedTransfer } from '#libs/protocol';
import { type FrameSink, SILENT_AUDIO } from '../stream/hub.js';
import { inBackground } from '../process/in-background.js';
import { lateSince, blameSelfIfLate, watchLateness } from '../process/lateness.js';
import { SoundPlayer } from '../encode/sound-player.js';
import type { Frame } from '../stream/timeline.js';
import { type ConnectionContext, needsReconnect, OutputConnection } from './connection.js';
import { ConnectionHistory } from './connection-history.js';
import { OutputFigures } from './figures.js';
import { type PortProbe, RetryWait } from './retry-wait.js';
import { isPortOpen } from './rtmp/open-socket.js';

/** Platforms hang up on a publisher that was silent for 5 to 30 s. */
const LATE_WINDOW_MS = 30_000;

export interface OutputContext extends Pick<
  ConnectionContext,
  'allowList' | 'requestKeyframe' | 'hasVideo' | 'isReorderingKnown'
> {
  onStatus: (status: TransferStatus) => void;
  /** The AAC frames of a sound file. Rejects when there is no such file. */
  openSound: (file: string, loop: boolean) => Promise<Buffer[]>;
}

/** One transfer: keeps a platform connected for as long as the stream lives, whatever happens to the others. */
export class Output implements FrameSink {
  private connection: OutputConnection | null = null;
  private status: TransferStatus;
  private stopping = new AbortController();
  private retry: RetryWait | null = null;
  private readonly history = new ConnectionHistory();
  private readonly totals = new OutputFigures();
  private readonly sound: SoundPlayer;
  private attempt: Promise<void> = Promise.resolve();
  /** The goodbye to the connection before. */
  private closing: Promise<void> = Promise.resolve();

  constructor(
    private wanted: WantedTransfer,
    private readonly context: OutputContext,
  ) {
    this.status = {
      id: wanted.id,
      state: 'pending',
      reason: null,
      detail: null,
      attempts: 0,
      nextRetryAt: null,
      liveAt: null,
    };
    this.sound = new SoundPlayer(context.openSound, () => this.change({}));
    watchLateness();
  }

  get id(): string {
    return this.wanted.id;
  }

  start(): void {
    this.sound.wish(this.wanted.options.sound);
    if (this.wanted.options.paused) this.change({ state: 'paused' });
    else this.connect();
  }

  /** Applies changed wishes. What RTMP's connect said once (the URL, the name, the certificate's check) needs a new connection. */
  update(wanted: WantedTransfer): void {
    const before = this.wanted;
    this.wanted = wanted;
    this.sound.wish(wanted.options.sound);
    const { paused = false } = wanted.options;
    const wasPaused = before.options.paused ?? false;
    if (paused && !wasPaused) {
      this.cancelAttempts();
      this.disconnect(true);
      this.change({ state: 'paused', reason: null, detail: null, nextRetryAt: null });
    } else if (!paused && (wasPaused || needsReconnect(before, wanted))) {
      this.reconnect();
    }
  }

  /** Ends the wait for the next attempt; nothing while connected, connecting or paused. */
  retryNow(): void {
    if (this.retry || this.status.state === 'failed') this.reconnect();
  }

  /** No frames will come for a while, by a fault of ours: says so, and connects anew. */
  failWithoutFrames(detail: string): void {
    if (this.connection) this.fail(new TransferError('service_error', detail));
  }

  push(frame: Frame): void {
    this.connection?.push(frame);
  }

  /** From now on the frames come from another encoder. */
  branchChanged(): void {
    this.connection?.branchChanged();
  }

  get snapshot(): TransferStatus {
    // The stream goes on without its sound: said as long as there is nothing worse to say.
    if (this.sound.fault === null || this.status.reason !== null) return this.status;
    return { ...this.status, reason: 'sound_failed', detail: this.sound.fault };
  }

  /** Totals since the start; rates since the last call. */
  figures(): TransferFigures {
    return this.totals.report(this.connection?.figures(), this.sound.isOver);
  }

  /** Ends the transfer properly (FCUnpublish, deleteStream); resolves when the connection is closed. */
  async close(reason: string): Promise<void> {
    this.cancelAttempts();
    await this.attempt;
    this.disconnect(true);
    // Also a goodbye that was under way.
    await this.closing;
    this.change({ state: 'ended', reason, detail: null, nextRetryAt: null });
  }

  private reconnect(): void {
    this.cancelAttempts();
    this.disconnect(true);
    this.stopping = new AbortController();
    this.history.forgetFailures();
    this.connect();
  }

  private connect(): void {
    this.retry = null;
    this.change({
      state: this.history.isRetry ? 'reconnecting' : 'connecting',
      attempts: this.status.attempts + 1,
      nextRetryAt: null,
    });
    const { signal } = this.stopping;
    this.attempt = this.tryConnect(signal).catch((error: unknown) => {
      if (!signal.aborted) this.fail(asTransferError(error));
    });
  }

  private async tryConnect(signal: AbortSignal): Promise<void> {
    // A platform that still has the old connection would refuse the new one: the name is in use.
    await this.closing;
    if (signal.aborted) return;
    const { options, target } = this.wanted;
    const { allowList, requestKeyframe, hasVideo, isReorderingKnown } = this.context;
    const context: ConnectionContext = {
      allowList,
      requestKeyframe,
      hasVideo,
      isReorderingKnown,
      audioBody: (frame) => this.audioBody(frame),
      onFirstFrame: () => this.becomeLive(),
      onStall: (stalled) => {
        if (this.connection === stalled) this.fail(new TransferError('stalled'));
      },
    };
    const connection = await OutputConnection.open(target, options, context, signal);
    if (connection === null) return;
    this.connection = connection;
    if (this.history.wasLive) this.totals.reconnected();
    connection.onClose((error) => {
      if (this.connection === connection) this.fail(error ?? new TransferError('closed_by_platform'));
    });
    requestKeyframe();
  }

  /** Every audio frame is as long as every other: another one in its place moves nothing. */
  private audioBody(frame: Frame): Buffer {
    if (this.wanted.options.muted) return SILENT_AUDIO;
    return this.sound.next() ?? frame.body;
  }

  private becomeLive(): void {
    this.history.becameLive();
    this.totals.becameLive();
    this.change({ state: 'live', reason: null, detail: null, nextRetryAt: null, liveAt: new Date().toISOString() });
  }

  private fail(cause: TransferError): void {
    const error = blameSelfIfLate(cause, lateSince(performance.now() - LATE_WINDOW_MS));
    const { liveForMs } = this.totals;
    this.disconnect(false);
    const { state, delayMs, portClosedSince } = this.history.failed(error, liveForMs, this.wanted.options);
    this.change({
      state,
      reason: error.code,
      detail: error.detail ?? null,
      nextRetryAt: delayMs === null ? null : new Date(Date.now() + delayMs).toISOString(),
    });
    if (delayMs !== null)
      this.retry = new RetryWait(
        delayMs,
        () => this.connect(),
        portClosedSince === null ? null : this.portProbe(portClosedSince),
      );
  }

  private portProbe(downSince: number): PortProbe {
    const { target, options } = this.wanted;
    const { allowList } = this.context;
    return {
      downSince,
      isOpen: (signal) => isPortOpen(target, { allowList, localAddress: options.localAddress }, signal),
    };
  }

  private cancelAttempts(): void {
    this.stopping.abort();
    this.retry?.cancel();
    this.retry = null;
  }

  /** The next connection, and the end, wait for the goodbye. */
  private disconnect(clean: boolean): void {
    const { connection } = this;
    if (!connection) return;
    this.connection = null;
    this.totals.add(connection.figures(), clean);
    this.closing = connection.close(clean);
    inBackground(`transfer ${this.id}: its connection was not closed`, this.closing);
  }

  private change(changes: Partial<TransferStatus>): void {
    this.status = { ...this.status, ...changes };
    this.context.onStatus(this.snapshot);
  }
}

function asTransferError(error: unknown): TransferError {
  if (error instanceof TransferError) return error;
  return new TransferError((error as { code?: unknown }).code === 'url_invalid' ? 'url_invalid' : 'service_error');
}
