import { limitUnsent, tcpProgress } from '#libs/gst';
import { type AllowList } from '#libs/net';
import { parseTransferUrl, REASONS, retryDelayMs, TransferError, type TransferOptions, type TransferTarget } from '#libs/transfer';
import { Handover } from '../stream/handover.js';
import { AUDIO_HEADER, type FrameSink, SILENT_AUDIO } from '../stream/hub.js';
import { inBackground } from '../process/in-background.js';
import { lateSince, unlessOurs, watchLateness } from '../process/lateness.js';
import { Pacer } from './pacer.js';
import type { TransferFigures, TransferStateName, TransferStatus, WantedTransfer } from '#libs/protocol';
import { onMetaData } from './rtmp/on-metadata.js';
import { RtmpPublisher } from './rtmp/rtmp-publisher.js';
import { SendQueue } from './send-queue.js';
import { SoundPlayer } from '../encode/sound-player.js';
import { type Progress, StallWatch } from './stall-watch.js';
import { AAC_FRAME_MS, type Frame, type FrameKind, type StreamMs, type VideoConfig } from '../stream/timeline.js';

/** The most stream time that may wait for a slow platform before whole groups of pictures are dropped. */
const MAX_QUEUE_MS = 4000;
/** And beyond what is gathered before the first frame leaves. */
const BEYOND_START_MS = 1000;
/** Handed to the socket ahead of the network; small, because what the socket holds can no longer be dropped. */
const SOCKET_AHEAD_BYTES = 128 * 1024;
/** Of which the kernel keeps so much unsent: by itself it takes 4 MB for a platform that reads slowly, many seconds of a stream. What is under way is the network's own measure. */
const UNSENT_BYTES = 128 * 1024;
/** So long a connection waits to learn whether the pictures are fit for platforms: at very few frames a second it begins with what there is. */
const ORDER_PATIENCE_MS = 600;
/** A track that was negotiated but sends nothing must not hold back the other one. */
const VIDEO_PATIENCE_MS = 3000;
const CLOSE_DEADLINE_MS = 2000;
const SILENT_REFUSALS = 4;
/** A connection that lasted so long was a good one. One that a platform accepts and drops at once is a failure like any other, and is retried no faster. */
const STABLE_MS = 20_000;
const WATCH_MS = 500;
/** Platforms hang up on a publisher that was silent for 5 to 30 s. */
const LATE_WINDOW_MS = 30_000;

export interface OutputContext {
  allowList: AllowList;
  /** Asks the publisher for a key frame. */
  requestKeyframe: () => void;
  onStatus: (status: TransferStatus) => void;
  /** The stream has, or may still get, video. */
  hasVideo: () => boolean;
  /** The first pictures have told whether there are B-frames. */
  orderIsKnown: () => boolean;
  /** The AAC frames of a sound file. Rejects when there is no such file. */
  openSound: (file: string, loop: boolean) => Promise<Buffer[]>;
}

/** What a platform takes is known from its TCP; where that cannot be asked, from what has left. */
function progressOf({ socket, bytesSent, queuedBytes }: RtmpPublisher): Progress {
  const tcp = tcpProgress(socket);
  return { taken: tcp?.acked ?? bytesSent - queuedBytes, waits: queuedBytes > 0 || (tcp?.waiting ?? 0) > 0 };
}

const queueLimitMs = ({ bufferMaxMs = MAX_QUEUE_MS, bufferStartMs = 0 }: TransferOptions): number => Math.max(bufferMaxMs, bufferStartMs + BEYOND_START_MS);

/** What a connection is made with: a change of any needs a new one. */
const OF_CONNECTION = ['flashVer', 'tlsVerify', 'sendMetadata', 'bufferStartMs', 'bufferMaxMs', 'bufferPollMs', 'bufferRefills', 'localAddress'] as const satisfies (keyof TransferOptions)[];

const needsReconnect = (a: WantedTransfer, b: WantedTransfer): boolean => a.url !== b.url || OF_CONNECTION.some((name) => a.options[name] !== b.options[name]);

/** One connection to the platform and where on the stream's clock it began. */
interface Connection {
  publisher: RtmpPublisher;
  queue: SendQueue;
  handover: Handover;
  /** With an outgoing buffer: when frames leave, and who looks. */
  pacing: { pacer: Pacer; timer: NodeJS.Timeout } | null;
  connectedAt: number;
  /** The stream's time that is 0 for this platform; null until the first frame is sent. */
  base: StreamMs | null;
  /** What onMetaData told; undefined before the first. */
  told: VideoConfig | null | undefined;
  /** Of each kind: a frame that came too late to be in order with the other kind keeps its own place. */
  lastTimestamp: Record<FrameKind, number>;
  config: VideoConfig | null;
  stallWatch: StallWatch;
}

/** One transfer: keeps a platform connected for as long as the stream lives, whatever happens to the others. */
export class Output implements FrameSink {
  readonly id: string;
  private wanted: WantedTransfer;
  private target: TransferTarget | null = null;
  private connection: Connection | null = null;
  private status: TransferStatus;
  private stopping = new AbortController();
  private retryTimer: NodeJS.Timeout | null = null;
  private readonly watch: NodeJS.Timeout;
  private failuresInRow = 0;
  private everLive = false;
  private everStable = false;
  private totals = { bytesSent: 0, bytesAcked: null as number | null, videoFrames: 0, audioFrames: 0, droppedFrames: 0, reconnects: 0, liveMs: 0 };
  private liveSince: number | null = null;
  private readonly sound: SoundPlayer;
  private window = { bytes: 0, frames: 0, at: performance.now() };
  private attempt: Promise<void> = Promise.resolve();
  /** The goodbye to the connection before. */
  private closing: Promise<void> = Promise.resolve();

  constructor(
    wanted: WantedTransfer,
    private readonly context: OutputContext,
  ) {
    this.id = wanted.id;
    this.wanted = wanted;
    this.status = { id: wanted.id, state: 'pending', reason: null, detail: null, attempts: 0, nextRetryAt: null, liveAt: null };
    this.sound = new SoundPlayer(context.openSound, () => this.change({}));
    watchLateness();
    this.watch = setInterval(() => this.checkProgress(), WATCH_MS).unref();
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
    if (before.url !== wanted.url) this.target = null;
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
    if (this.retryTimer || this.status.state === 'failed') this.reconnect();
  }

  /** No frames will come for a while, by a fault of ours: says so, and connects anew. */
  starve(detail: string): void {
    if (this.connection) this.fail(new TransferError('service_error', detail));
  }

  private reconnect(): void {
    this.cancelAttempts();
    this.disconnect(true);
    this.stopping = new AbortController();
    this.failuresInRow = 0;
    this.connect();
  }

  push(frame: Frame): void {
    const { connection } = this;
    if (!connection) return;
    if (connection.base === null && !this.mayStartWith(frame, connection)) return;
    for (const one of connection.handover.pass(frame)) connection.queue.push(one);
    this.flush(connection);
  }

  /** From now on the frames come from another encoder: a connection that has sent nothing yet forgets what it had from the last one. */
  branchChanged(): void {
    const { connection } = this;
    if (!connection) return;
    if (connection.base === null) connection.queue = new SendQueue(queueLimitMs(this.wanted.options));
    connection.handover.begin();
    this.context.requestKeyframe();
  }

  get snapshot(): TransferStatus {
    // The stream goes on without its sound: said as long as there is nothing worse to say.
    if (this.sound.fault === null || this.status.reason !== null) return this.status;
    return { ...this.status, reason: 'sound_failed', detail: this.sound.fault };
  }

  /** Totals since the start; rates since the last call. */
  figures(): TransferFigures {
    const now = performance.now();
    const seconds = Math.max(0.001, (now - this.window.at) / 1000);
    const { publisher, queue } = this.connection ?? {};
    const bytesSent = this.totals.bytesSent + (publisher?.bytesSent ?? 0);
    const figures: TransferFigures = {
      ...this.totals,
      bytesSent,
      bytesAcked: publisher ? plus(this.totals.bytesAcked, publisher.bytesAcked) : this.totals.bytesAcked,
      droppedFrames: this.totals.droppedFrames + (queue?.dropped ?? 0),
      bitrate: Math.round(((bytesSent - this.window.bytes) * 8) / seconds),
      fps: Math.round(((this.totals.videoFrames - this.window.frames) / seconds) * 10) / 10,
      queuedBytes: (queue?.bytes ?? 0) + (publisher?.queuedBytes ?? 0),
      queuedMs: Math.round(queue?.spanMs ?? 0),
      soundIsOver: this.sound.isOver,
      liveMs: Math.round(this.totals.liveMs + (this.liveSince === null ? 0 : now - this.liveSince)),
    };
    this.window = { bytes: bytesSent, frames: this.totals.videoFrames, at: now };
    return figures;
  }

  /** Ends the transfer properly (FCUnpublish, deleteStream); resolves when the connection is closed. */
  async close(reason: string): Promise<void> {
    clearInterval(this.watch);
    this.cancelAttempts();
    await this.attempt;
    this.disconnect(true);
    await this.closing;
    this.change({ state: 'ended', reason, detail: null, nextRetryAt: null });
  }

  private connect(): void {
    this.retryTimer = null;
    this.change({
      state: this.everLive || this.failuresInRow > 0 ? 'reconnecting' : 'connecting',
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
    const { options, url } = this.wanted;
    this.target ??= parseTransferUrl(url);
    const publisher = await RtmpPublisher.connect(
      this.target,
      {
        allowList: this.context.allowList,
        flashVer: options.flashVer,
        sendMetadata: options.sendMetadata,
        tlsVerify: options.tlsVerify,
        localAddress: options.localAddress,
      },
      signal,
    );
    if (signal.aborted) {
      this.goodbye(publisher, true);
      return;
    }
    limitUnsent(publisher.socket, UNSENT_BYTES);
    const now = performance.now();
    const connection: Connection = {
      publisher,
      queue: new SendQueue(queueLimitMs(options)),
      handover: new Handover(this.context.requestKeyframe),
      pacing: this.pacing(options),
      connectedAt: now,
      base: null,
      told: undefined,
      lastTimestamp: { video: 0, audio: 0 },
      config: null,
      stallWatch: new StallWatch(now),
    };
    // Where audio had to begin alone, video still begins with a key frame.
    connection.handover.begin();
    this.connection = connection;
    if (this.everLive) this.totals.reconnects += 1;
    publisher.onClose((error) => {
      if (this.connection === connection) {
        this.fail(error ?? new TransferError('closed_by_platform'));
      }
    });
    this.context.requestKeyframe();
  }

  private pacing(options: TransferOptions): Connection['pacing'] {
    const { bufferPollMs, bufferStartMs = 0, bufferRefills = Infinity } = options;
    if (bufferPollMs === undefined) return null;
    const look = (): void => {
      if (this.connection) this.flush(this.connection);
    };
    return { pacer: new Pacer(bufferStartMs, queueLimitMs(options), bufferRefills), timer: setInterval(look, bufferPollMs) };
  }

  /** A connection starts with a key frame; with audio only where no video is to be had. */
  private mayStartWith(frame: Frame, connection: Connection): boolean {
    if (connection.queue.length > 0) return true;
    if (frame.kind === 'video') return frame.keyframe;
    return !this.context.hasVideo() || performance.now() - connection.connectedAt > VIDEO_PATIENCE_MS;
  }

  private mayBegin(waitingMs: number): boolean {
    if (waitingMs < (this.wanted.options.bufferStartMs ?? 0)) return false;
    return this.context.orderIsKnown() || waitingMs > ORDER_PATIENCE_MS;
  }

  private flush(connection: Connection): void {
    const { publisher, queue } = connection;
    if (connection.base === null && !this.mayBegin(queue.spanMs)) return;
    const pacer = connection.pacing?.pacer;
    while (queue.length > 0 && publisher.queuedBytes < SOCKET_AHEAD_BYTES) {
      if (pacer && !pacer.mayLeave({ firstAt: queue.firstAt, spanMs: queue.spanMs }, performance.now())) break;
      this.send(connection, queue.shift() as Frame);
    }
    if (queue.length === 0) pacer?.ranEmpty();
  }

  private send(connection: Connection, frame: Frame): void {
    const { publisher } = connection;
    if (connection.base === null) this.begin(connection, frame);
    // Audio that comes late can be older than the picture that a platform began with: all of it would be at 0.
    if (frame.kind === 'audio' && frame.at < (connection.base as number) - AAC_FRAME_MS / 2) return;
    // RTMP messages carry whole milliseconds from 0; never backwards, even where rounding would, and no two pictures at once.
    const least = connection.lastTimestamp[frame.kind] + (frame.kind === 'video' && connection.config ? 1 : 0);
    const timestamp = Math.max(least, Math.round(frame.at - (connection.base as number)));
    connection.lastTimestamp[frame.kind] = timestamp;
    if (frame.kind === 'video') {
      if (frame.config && frame.config !== connection.config) this.sendConfig(connection, frame.config, timestamp);
      publisher.sendVideo(timestamp, frame.body);
      this.totals.videoFrames += 1;
    } else {
      publisher.sendAudio(timestamp, this.audioBody(frame));
      this.totals.audioFrames += 1;
    }
    if (this.status.state !== 'live') this.becomeLive();
  }

  /** Every audio frame is as long as every other: another one in its place moves nothing. */
  private audioBody(frame: Frame): Buffer {
    if (this.wanted.options.muted) return SILENT_AUDIO;
    return this.sound.next() ?? frame.body;
  }

  private begin(connection: Connection, first: Frame): void {
    connection.base = first.at;
    // Before the sequence headers, as encoders do it: some servers read from it which tracks to expect.
    this.tell(connection, first.config ?? null);
    connection.publisher.sendAudio(0, AUDIO_HEADER);
  }

  private tell(connection: Connection, config: VideoConfig | null): void {
    if (connection.told === config) return;
    connection.told = config;
    connection.publisher.sendMetadata(onMetaData(config));
  }

  private sendConfig(connection: Connection, config: VideoConfig, timestamp: number): void {
    connection.config = config;
    this.tell(connection, config);
    connection.publisher.sendVideo(timestamp, config.header);
  }

  private becomeLive(): void {
    this.everLive = true;
    this.liveSince = performance.now();
    this.change({ state: 'live', reason: null, detail: null, nextRetryAt: null, liveAt: new Date().toISOString() });
  }

  private checkProgress(): void {
    const { connection } = this;
    if (!connection) return;
    this.flush(connection);
    if (connection.stallWatch.isStalled(progressOf(connection.publisher), performance.now())) this.fail(new TransferError('stalled'));
  }

  private fail(cause: TransferError): void {
    const error = unlessOurs(cause, lateSince(performance.now() - LATE_WINDOW_MS));
    if (this.liveSince !== null && performance.now() - this.liveSince >= STABLE_MS) {
      this.everStable = true;
      this.failuresInRow = 0;
    }
    this.disconnect(false);
    this.failuresInRow += 1;
    // Many platforms say no to a key by hanging up, some after the first frames: asked often enough, it is an answer.
    const isRefusal = error.code === 'closed_by_platform' && !this.everStable && this.failuresInRow >= SILENT_REFUSALS;
    const retry = isRefusal ? 'slow' : REASONS[error.code].retry;
    const { reconnectAttempts = Infinity, reconnectIntervalMs } = this.wanted.options;
    const final = retry === 'never' || this.failuresInRow > reconnectAttempts;
    const delay = final ? null : (reconnectIntervalMs ?? retryDelayMs(this.failuresInRow, retry, Math.random));
    const state: TransferStateName = retry === 'fast' && !final ? 'reconnecting' : 'failed';
    this.change({
      state,
      reason: error.code,
      detail: error.detail ?? null,
      nextRetryAt: delay === null ? null : new Date(Date.now() + delay).toISOString(),
    });
    if (delay !== null) this.retryTimer = setTimeout(() => this.connect(), delay);
  }

  private cancelAttempts(): void {
    this.stopping.abort();
    if (this.retryTimer) clearTimeout(this.retryTimer);
    this.retryTimer = null;
  }

  private disconnect(clean: boolean): void {
    const { connection } = this;
    if (!connection) return;
    this.connection = null;
    clearInterval(connection.pacing?.timer);
    if (this.liveSince !== null) this.totals.liveMs += performance.now() - this.liveSince;
    this.liveSince = null;
    this.totals.bytesSent += connection.publisher.bytesSent;
    this.totals.bytesAcked = plus(this.totals.bytesAcked, connection.publisher.bytesAcked) ?? this.totals.bytesAcked;
    // At an end that was wished for, what still waited is not missed.
    this.totals.droppedFrames += connection.queue.dropped + (clean ? 0 : connection.queue.pictures);
    this.goodbye(connection.publisher, clean);
  }

  /** The next connection, and the end, wait for it. */
  private goodbye(publisher: RtmpPublisher, clean: boolean): void {
    this.closing = publisher.close({ clean, deadlineMs: clean ? CLOSE_DEADLINE_MS : 0 });
    inBackground(`transfer ${this.id}: its connection was not closed`, this.closing);
  }

  private change(changes: Partial<TransferStatus>): void {
    this.status = { ...this.status, ...changes };
    this.context.onStatus(this.snapshot);
  }
}

/** Unknown as soon as one part is. */
const plus = (total: number | null, more: number | null): number | null => (more === null ? null : (total ?? 0) + more);

function asTransferError(error: unknown): TransferError {
  if (error instanceof TransferError) return error;
  return new TransferError((error as { code?: unknown }).code === 'url_invalid' ? 'url_invalid' : 'service_error');
}
