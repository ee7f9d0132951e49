import { aacFrame, aacSequenceHeader, avcFrame, avcSequenceHeader } from '../flv/flv.js';
import { AudioFiller } from './audio-filler.js';
import { Interleaver } from './interleaver.js';
import { OrderWatch } from './order-watch.js';
import { SessionClock } from './session-clock.js';
import type { Frame, StreamMs, VideoConfig } from './timeline.js';

/** AAC-LC, 48 kHz, stereo (ISO/IEC 14496-3, AudioSpecificConfig): what every stream's audio is encoded to. */
const AUDIO_CONFIG = Buffer.from([0x11, 0x90]);
/** One raw_data_block of AAC-LC stereo silence: a channel pair element whose spectra are empty. */
const SILENT_AAC = Buffer.from([0x21, 0x10, 0x04, 0x60, 0x8c, 0x1c]);
/** A video frame waits this long at most for audio of the same time. */
const HOLD_MS = 60;
/** Real audio may stay away this long before silence fills in: longer than a lost packet is waited for (400 ms, and what it takes to notice), or what is behind it would come too late. */
const AUDIO_PATIENCE_MS = 600;
/** Between the stream's clock and the silence that a timer fills in, so that late video is not overtaken. */
const SILENCE_MARGIN_MS = 120;
/** How often silence is looked after while no video sets its pace: several frames together, well inside what players buffer. */
const TICK_MS = 100;

export const AUDIO_HEADER = aacSequenceHeader(AUDIO_CONFIG);
export const SILENT_AUDIO = aacFrame(SILENT_AAC);

/** An encoded sample of a session. */
export interface MediaSample {
  data: Buffer;
  /** When it is shown, ms on a clock of the session's own. RTP carries no time of decoding. */
  time: number;
  keyframe: boolean;
}

/** A frame that needs no other to be decoded. */
export type KeyFrame = Pick<Required<Frame>, 'body' | 'config'>;

/** Who takes the frames. `push` must never wait. */
export interface FrameSink {
  push(frame: Frame): void;
}

/**
 * The middle of a stream: what sessions deliver is put on one clock, audio gaps are filled with silence, and every output
 * gets the same frames. Outputs come and go, sessions follow each other, the sequence of frames goes on.
 */
export class Hub {
  private readonly sinks = new Set<FrameSink>();
  private readonly interleaver = new Interleaver(HOLD_MS, (frame) => this.deliver(frame));
  private readonly filler = new AudioFiller(AUDIO_PATIENCE_MS);
  private readonly epoch = performance.now();
  private active: Feed | null = null;
  private lastVideo: Record<'at' | 'arrived', number> = { at: -Infinity, arrived: -Infinity };
  private ticker: NodeJS.Timeout | null = null;
  private drainTimer: NodeJS.Timeout | null = null;
  /** Arrival minus time of the frames, smoothed. */
  private readonly lag: Record<'audio' | 'video', number | null> = { audio: null, video: null };

  private reordering = false;
  private lastKey: KeyFrame | null = null;

  /** @param onReordering the order of the frames changed: with B-frames (true) or without. */
  constructor(private readonly onReordering: (reorders: boolean) => void = () => undefined) {}

  /** Frames come with B-frames: shown in another order than that in which they are decoded. */
  get reorders(): boolean {
    return this.reordering;
  }

  /** False for the first frames of a session that may yet turn out to have B-frames. */
  get isReorderingKnown(): boolean {
    return this.reordering || this.active === null || this.active.isReorderingKnown;
  }

  /** The latest one; null before the first. */
  get keyFrame(): KeyFrame | null {
    return this.lastKey;
  }

  /** The stream's clock, ms since the hub was made. */
  now(): StreamMs {
    return performance.now() - this.epoch;
  }

  attach(sink: FrameSink): void {
    this.sinks.add(sink);
  }

  detach(sink: FrameSink): void {
    this.sinks.delete(sink);
  }

  /** How much later audio arrives than video of the same time, ms; null until both have come. */
  get avSkewMs(): number | null {
    const { audio, video } = this.lag;
    return audio === null || video === null ? null : Math.round(audio - video);
  }

  /** A feed for a new session. It takes over from the present one with its first key frame (or its first audio, if it has no video). */
  openFeed(hasVideo: boolean): Feed {
    return new Feed(this, hasVideo);
  }

  close(): void {
    if (this.ticker) clearInterval(this.ticker);
    this.ticker = null;
    if (this.drainTimer) clearTimeout(this.drainTimer);
    this.drainTimer = null;
    this.sinks.clear();
  }

  /** @internal Whether this feed is, or now becomes, the one that feeds the stream. */
  accepts(feed: Feed, starts: boolean): boolean {
    if (this.active === feed) return true;
    if (!starts || feed.closed) return false;
    this.active?.close();
    this.active = feed;
    this.ticker ??= setInterval(() => this.tick(), TICK_MS).unref();
    return true;
  }

  /** @internal @param shownAt may go back between frames; the time of decoding, which the outputs see, does not. */
  video(shownAt: StreamMs, data: Buffer, keyframe: boolean, config: VideoConfig): void {
    const now = this.now();
    this.measureLag('video', now - shownAt);
    const at = Math.max(shownAt, this.lastVideo.at);
    this.lastVideo = { at, arrived: now };
    // Where audio arrives later than video of the same time, always or for now, it is not missing yet.
    this.fillSilence(at - Math.max(0, this.avSkewMs ?? 0), now);
    const body = avcFrame(data, keyframe, Math.round(shownAt - at));
    if (keyframe) this.lastKey = { body, config };
    this.interleaver.push({ kind: 'video', at, keyframe, body, config }, now);
    this.armDrain(now);
  }

  /** @internal */
  order(reorders: boolean | null): void {
    if (reorders === null || reorders === this.reordering) return;
    this.reordering = reorders;
    this.onReordering(reorders);
  }

  /** @internal */
  audio(at: StreamMs, body: Buffer): void {
    const now = this.now();
    this.measureLag('audio', now - at);
    const { silence, at: time } = this.filler.real(at, now);
    for (const silent of silence) this.interleaver.push(silentFrame(silent), now);
    if (time !== null) this.interleaver.push({ kind: 'audio', at: time, keyframe: false, body }, now);
    this.armDrain(now);
  }

  private measureLag(kind: 'audio' | 'video', lag: number): void {
    const before = this.lag[kind];
    this.lag[kind] = before === null ? lag : before + (lag - before) / 32;
  }

  private tick(): void {
    const now = this.now();
    // While video comes, silence follows its times; a frozen or absent picture leaves it to the clock.
    if (now - this.lastVideo.arrived > SILENCE_MARGIN_MS) this.fillSilence(now - SILENCE_MARGIN_MS, now);
  }

  /** Nearly always the other kind comes before; a timer that is moved on wakes nobody. */
  private armDrain(now: number): void {
    const { deadline } = this.interleaver;
    if (deadline === null || this.drainTimer) return;
    this.drainTimer = setTimeout(
      () => {
        this.drainTimer = null;
        const later = this.now();
        this.interleaver.drain(later);
        this.armDrain(later);
      },
      Math.max(1, deadline - now),
    );
  }

  private fillSilence(until: StreamMs, now: number): void {
    const times = this.filler.silence(until);
    for (const time of times) this.interleaver.push(silentFrame(time), now);
    if (times.length > 0) this.interleaver.advance('audio', this.filler.sentUntil as number);
  }

  private deliver(frame: Frame): void {
    for (const sink of this.sinks) sink.push(frame);
  }
}

const silentFrame = (at: StreamMs): Frame => ({ kind: 'audio', at, keyframe: false, body: SILENT_AUDIO });

/** AVCProfileIndication (ISO/IEC 14496-10, annex A.2.1). */
const BASELINE = 66;

/** One session's way into the hub. */
export class Feed {
  closed = false;
  private readonly clock: SessionClock;
  private readonly order = new OrderWatch();
  private config: VideoConfig | null = null;
  private profile: number | null = null;

  constructor(
    private readonly hub: Hub,
    private hasVideo: boolean,
  ) {
    this.clock = new SessionClock(() => hub.now());
  }

  /** Baseline has no B-frames; what else is negotiated says nothing. */
  get isReorderingKnown(): boolean {
    return this.order.isLikelyKnown || this.profile === null || this.profile === BASELINE;
  }

  /** A new AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.2.4.1); applies to the samples that follow. */
  setVideoConfig(record: Buffer, width: number | null, height: number | null): void {
    this.profile = record[1] ?? null;
    this.config = { header: avcSequenceHeader(record), width, height };
  }

  video(sample: MediaSample): void {
    if (this.config === null || !this.hub.accepts(this, sample.keyframe)) return;
    const shownAt = this.clock.map(sample.time);
    if (this.profile !== BASELINE) this.order.frame(shownAt);
    this.hub.order(this.profile === BASELINE ? false : this.order.reorders);
    this.hub.video(shownAt, sample.data, sample.keyframe, this.config);
  }

  audio(sample: MediaSample): void {
    if (!this.hub.accepts(this, !this.hasVideo)) return;
    this.hub.audio(this.clock.map(sample.time), aacFrame(sample.data));
  }

  /** The video that was negotiated does not come: audio alone may begin. */
  startWithoutVideo(): void {
    this.hasVideo = false;
  }

  /** The session is over: what still comes from it is left out. */
  close(): void {
    this.closed = true;
  }
}
