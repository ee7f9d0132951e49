import { isDeepStrictEqual } from 'node:util';
import { inBackground } from '../process/in-background.js';
import { limitUnsent, tcpProgress } from '#libs/process/tcp';
import type { AllowList } from '#libs/net';
import type { WantedTransfer } from '#libs/protocol';
import type { TransferOptions, TransferTarget } from '#libs/transfer';
import { Handover } from '../stream/handover.js';
import { AUDIO_HEADER } from '../stream/hub.js';
import type { Frame, VideoConfig } from '../stream/timeline.js';
import type { ConnectionFigures } from './figures.js';
import { Pacer } from './pacer.js';
import { onMetaData } from './rtmp/on-metadata.js';
import { RtmpPublisher } from './rtmp/rtmp-publisher.js';
import { SendQueue } from './send-queue.js';
import { type Progress, StallWatch } from './stall-watch.js';
import { Timestamps } from './timestamps.js';

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
const WATCH_MS = 500;

/** What one connection needs of its transfer and of the stream. */
export interface ConnectionContext {
  allowList: AllowList;
  /** Asks the publisher for a key frame. */
  requestKeyframe: () => void;
  /** The stream has, or may still get, video. */
  hasVideo: () => boolean;
  /** The first pictures have told whether there are B-frames. */
  orderIsKnown: () => boolean;
  /** What the platform gets for this audio frame. */
  audioBody: (frame: Frame) => Buffer;
  /** The first frame has been sent. */
  onFirstFrame: (connection: OutputConnection) => void;
  /** The platform has taken nothing for too long. */
  onStall: (connection: OutputConnection) => void;
}

/** Where a connection goes, and how. */
type Connected = Pick<WantedTransfer, 'target' | 'options'>;

/** What a connection is made with: a change of any needs a new one. */
const OF_CONNECTION = [
  'flashVer',
  'tlsVerify',
  'sendMetadata',
  'bufferStartMs',
  'bufferMaxMs',
  'bufferPollMs',
  'bufferRefills',
  'localAddress',
] as const satisfies (keyof TransferOptions)[];

/** Whether a connection that was made for `a` does not serve for `b`. */
export const needsReconnect = (a: Connected, b: Connected): boolean =>
  !isDeepStrictEqual(a.target, b.target) || OF_CONNECTION.some((name) => a.options[name] !== b.options[name]);

/** What a platform takes is known from its TCP; where that cannot be asked, from what has left. */
function progressOf({ socket, bytesSent, queuedBytes }: RtmpPublisher): Progress {
  const tcp = tcpProgress(socket);
  return { taken: tcp?.acked ?? bytesSent - queuedBytes, waits: queuedBytes > 0 || (tcp?.waiting ?? 0) > 0 };
}

const queueLimitMs = ({ bufferMaxMs = MAX_QUEUE_MS, bufferStartMs = 0 }: TransferOptions): number =>
  Math.max(bufferMaxMs, bufferStartMs + BEYOND_START_MS);

function pacerOf(options: TransferOptions): Pacer | null {
  const { bufferPollMs, bufferStartMs = 0, bufferRefills = Infinity } = options;
  return bufferPollMs === undefined ? null : new Pacer(bufferStartMs, queueLimitMs(options), bufferRefills);
}

/** One connection to the platform: what waits for it, when that leaves, and where on the stream's clock it began. */
export class OutputConnection {
  private queue: SendQueue;
  private readonly handover: Handover;
  /** With an outgoing buffer: when frames leave. */
  private readonly pacer: Pacer | null;
  private readonly timers: NodeJS.Timeout[];
  private readonly connectedAt = performance.now();
  private readonly timestamps = new Timestamps();
  /** What onMetaData told; undefined before the first. */
  private told: VideoConfig | null | undefined;
  private config: VideoConfig | null = null;
  private readonly stallWatch = new StallWatch(this.connectedAt);
  private readonly sent = { video: 0, audio: 0 };

  private constructor(
    private readonly publisher: RtmpPublisher,
    private readonly options: TransferOptions,
    private readonly context: ConnectionContext,
  ) {
    limitUnsent(publisher.socket, UNSENT_BYTES);
    this.queue = new SendQueue(queueLimitMs(options));
    this.handover = new Handover(context.requestKeyframe);
    // Where audio had to begin alone, video still begins with a key frame.
    this.handover.begin();
    this.pacer = pacerOf(options);
    this.timers = [setInterval(() => this.checkProgress(), WATCH_MS).unref()];
    if (this.pacer) this.timers.push(setInterval(() => this.flush(), options.bufferPollMs));
  }

  /** Resolves when the platform has accepted the publish, null when `signal` was aborted by then. Rejects as RtmpPublisher.connect does. */
  static async open(
    target: TransferTarget,
    options: TransferOptions,
    context: ConnectionContext,
    signal: AbortSignal,
  ): Promise<OutputConnection | null> {
    const { flashVer, sendMetadata, tlsVerify, localAddress } = options;
    const publisher = await RtmpPublisher.connect(
      target,
      { allowList: context.allowList, flashVer, sendMetadata, tlsVerify, localAddress },
      signal,
    );
    if (!signal.aborted) return new OutputConnection(publisher, options, context);
    inBackground(
      'a connection that came too late was not closed',
      publisher.close({ clean: true, deadlineMs: CLOSE_DEADLINE_MS }),
    );
    return null;
  }

  /** As RtmpPublisher.onClose. */
  onClose(listener: Parameters<RtmpPublisher['onClose']>[0]): void {
    this.publisher.onClose(listener);
  }

  push(frame: Frame): void {
    if (!this.timestamps.hasBegun && !this.mayStartWith(frame)) return;
    for (const one of this.handover.pass(frame)) this.queue.push(one);
    this.flush();
  }

  /** From now on the frames come from another encoder: a connection that has sent nothing yet forgets what it had from the last one. */
  branchChanged(): void {
    if (!this.timestamps.hasBegun) this.queue = new SendQueue(queueLimitMs(this.options));
    this.handover.begin();
    this.context.requestKeyframe();
  }

  /** Of this connection alone. */
  figures(): ConnectionFigures {
    const { publisher, queue, sent } = this;
    return {
      bytesSent: publisher.bytesSent,
      bytesAcked: publisher.bytesAcked,
      videoFrames: sent.video,
      audioFrames: sent.audio,
      droppedFrames: queue.dropped,
      waitingFrames: queue.pictures,
      queuedBytes: queue.bytes + publisher.queuedBytes,
      queuedMs: queue.spanMs,
    };
  }

  /** As RtmpPublisher.close; no frame is sent from now on. */
  async close(clean: boolean): Promise<void> {
    for (const timer of this.timers) clearInterval(timer);
    await this.publisher.close({ clean, deadlineMs: clean ? CLOSE_DEADLINE_MS : 0 });
  }

  /** A connection starts with a key frame; with audio only where no video is to be had. */
  private mayStartWith(frame: Frame): boolean {
    if (this.queue.length > 0) return true;
    if (frame.kind === 'video') return frame.keyframe;
    return !this.context.hasVideo() || performance.now() - this.connectedAt > VIDEO_PATIENCE_MS;
  }

  private mayBegin(waitingMs: number): boolean {
    if (waitingMs < (this.options.bufferStartMs ?? 0)) return false;
    return this.context.orderIsKnown() || waitingMs > ORDER_PATIENCE_MS;
  }

  private flush(): void {
    const { publisher, queue, pacer } = this;
    if (!this.timestamps.hasBegun && !this.mayBegin(queue.spanMs)) return;
    while (queue.length > 0 && publisher.queuedBytes < SOCKET_AHEAD_BYTES) {
      if (pacer && !pacer.mayLeave({ firstAt: queue.firstAt, spanMs: queue.spanMs }, performance.now())) break;
      this.send(queue.shift() as Frame);
    }
    if (queue.length === 0) pacer?.ranEmpty();
  }

  private send(frame: Frame): void {
    const isFirst = !this.timestamps.hasBegun;
    if (isFirst) this.begin(frame);
    // No two pictures at once, and the sequence header before the first.
    const timestamp = this.timestamps.next(frame, this.config !== null);
    if (timestamp === null) return;
    if (frame.kind === 'video') {
      if (frame.config && frame.config !== this.config) this.sendConfig(frame.config, timestamp);
      this.publisher.sendVideo(timestamp, frame.body);
    } else {
      this.publisher.sendAudio(timestamp, this.context.audioBody(frame));
    }
    this.sent[frame.kind] += 1;
    if (isFirst) this.context.onFirstFrame(this);
  }

  private begin(first: Frame): void {
    this.timestamps.begin(first.at);
    // Before the sequence headers, as encoders do it: some servers read from it which tracks to expect.
    this.tell(first.config ?? null);
    this.publisher.sendAudio(0, AUDIO_HEADER);
  }

  private tell(config: VideoConfig | null): void {
    if (this.told === config) return;
    this.told = config;
    this.publisher.sendMetadata(onMetaData(config));
  }

  private sendConfig(config: VideoConfig, timestamp: number): void {
    this.config = config;
    this.tell(config);
    this.publisher.sendVideo(timestamp, config.header);
  }

  private checkProgress(): void {
    this.flush();
    if (this.stallWatch.isStalled(progressOf(this.publisher), performance.now())) this.context.onStall(this);
  }
}
