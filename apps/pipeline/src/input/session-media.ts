import { Pipeline } from '#libs/gst';
import type { InputFigures } from '#libs/protocol';
import { type OrderedPacket, RtpReceiver } from '#libs/rtp';
import type { Offer, Track as TrackFormat } from '#libs/sdp';
import type { ReasonCode } from '#libs/transfer';
import { TooLarge } from './codecs/frame-size.js';
import { HealthWatch } from './health-watch.js';
import { InputMeter } from './input-meter.js';
import { KeyframeRequests } from './keyframe-requests.js';
import { type EncodedSample, type MediaChain, openTrack } from './media-chain.js';
import { WorkTimer } from './work-timer.js';

export interface SessionMediaEvents {
  onSample: (kind: TrackFormat['kind'], sample: EncodedSample) => void;
  /** This session's media cannot be taken any more. */
  onFailed: (message: string, reason: ReasonCode) => void;
  onWarning: (message: string) => void;
  sendRtcp: (packet: Buffer) => void;
  /** No sample of the session has gone to the stream yet. */
  isWaiting: () => boolean;
}

/** One session's media on its way from packets to samples, and what is measured of it. */
export class SessionMedia {
  readonly health: HealthWatch;
  /** Decoders and encoders; H.264 passes by it. */
  private readonly pipeline = new Pipeline();
  private readonly receiver: RtpReceiver<TrackFormat>;
  private readonly meter: InputMeter;
  private readonly chains = new Map<TrackFormat, MediaChain>();
  private readonly keyframes = new KeyframeRequests();
  private readonly timer: WorkTimer;
  private lastKeyframeAt = performance.now();
  private isClosed = false;

  constructor(
    private readonly offer: Offer,
    private readonly events: SessionMediaEvents,
  ) {
    this.receiver = new RtpReceiver(offer.tracks, offer, {
      onPacket: (format, packet) => this.packet(format, packet),
      onLost: (format, count) => this.chains.get(format)?.lost?.(count),
      send: events.sendRtcp,
    });
    this.meter = new InputMeter(this.receiver);
    this.health = new HealthWatch(offer.tracks, (format) => this.chains.get(format));
    this.timer = new WorkTimer(this.receiver);
  }

  /** Makes what every track needs; samples come once it plays. */
  openTracks(): void {
    const { offer, pipeline, events } = this;
    pipeline.onMessage((message) => {
      if (message.type === 'error') events.onFailed(message.message, 'media_invalid');
      else if (message.type === 'warning') events.onWarning(message.message);
    });
    for (const format of offer.tracks) {
      this.chains.set(
        format,
        openTrack(pipeline, format, (sample) => this.sample(format.kind, sample)),
      );
    }
  }

  async play(): Promise<void> {
    await this.pipeline.play();
  }

  /** Takes packets that came together, as a transport brings them, and sends what they call for. */
  packets(batch: Buffer, now: number, clock: number): void {
    if (this.isClosed) return;
    this.receiver.batch(batch, now, clock);
    this.timer.isDone(now);
  }

  /** Asks the publisher for a key frame (RTCP PLI). */
  requestKeyframe(): void {
    this.receiver.requestKeyframe();
  }

  /** Since the last key frame arrived (or the session began), ms. */
  get sinceKeyframeMs(): number {
    return performance.now() - this.lastKeyframeAt;
  }

  /** Since the last packet of any track, ms; infinite before the first. */
  get idleMs(): number {
    return this.meter.idleMs;
  }

  /** What came in since the last call, and in total. */
  figures(): InputFigures {
    return this.meter.figures(this.health.codec('video'), this.health.codec('audio'));
  }

  /** Nothing more comes of it. */
  stop(): void {
    this.isClosed = true;
    this.timer.stop();
    this.receiver.clear();
  }

  async close(): Promise<void> {
    this.stop();
    await this.pipeline.close();
  }

  private packet(format: TrackFormat, packet: OrderedPacket): void {
    if (this.isClosed) return;
    this.health.packet(format, packet.payload.length > 0);
    const chain = this.chains.get(format) as MediaChain;
    if (!this.pushed(chain, packet) || format.kind !== 'video') return;
    if (this.keyframes.isDue(chain.needsKeyframe(), this.events.isWaiting(), performance.now())) this.requestKeyframe();
  }

  /** False when the publisher's media has ended the session. */
  private pushed(chain: MediaChain, packet: OrderedPacket): boolean {
    try {
      chain.push(packet);
      return true;
    } catch (error) {
      if (!(error instanceof TooLarge)) throw error;
      this.events.onFailed(error.message, 'picture_too_large');
      return false;
    }
  }

  private sample(kind: TrackFormat['kind'], sample: EncodedSample): void {
    if (this.isClosed) return;
    this.health.sample(kind);
    if (kind === 'video') this.measure(sample);
    this.events.onSample(kind, sample);
  }

  private measure({ config, keyframe }: EncodedSample): void {
    if (config) this.meter.setSize(config.width, config.height);
    if (keyframe) this.lastKeyframeAt = performance.now();
    this.meter.frame(keyframe);
  }
}
