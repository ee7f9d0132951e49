// The page's handle on one publication, in the shape of the Flashphoner SDK: status, events, mute, switching.
import { Emitter } from './emitter.js';
import { Publication, type PublicationSettings, type Reconnecting } from './publication.js';
import { type Kind, type SourceOptions, Sources } from './sources.js';
import { StatsMeter, type StreamStats } from './stats.js';

/** The life of a stream, as the Flashphoner SDK names it. PENDING is also what an interrupted stream is while it comes back. */
export const STREAM_STATUS = {
  NEW: 'NEW',
  PENDING: 'PENDING',
  PUBLISHING: 'PUBLISHING',
  UNPUBLISHED: 'UNPUBLISHED',
  FAILED: 'FAILED',
} as const;
export type StreamStatus = (typeof STREAM_STATUS)[keyof typeof STREAM_STATUS];

/** What a stream tells besides its status. */
export const STREAM_EVENT = {
  STATS: 'STATS',
  RECONNECTING: 'RECONNECTING',
  SOURCE_ENDED: 'SOURCE_ENDED',
  NOT_PUSHED: 'NOT_PUSHED',
} as const;

/** Listeners get the stream first. */
export type StreamEvents = { [Status in StreamStatus]: [stream: Stream] } & {
  STATS: [stream: Stream, stats: StreamStats];
  RECONNECTING: [stream: Stream, step: Reconnecting];
  /** Camera or microphone was unplugged or taken away; the stream goes on without. */
  SOURCE_ENDED: [stream: Stream, kind: Kind];
  /** The stream is published, but the server does not push it to the `rtmpUrl`, and says why. */
  NOT_PUSHED: [stream: Stream, reason: string];
};

export interface StreamOptions extends SourceOptions {
  /** The stream's name on the entry point. Without one, the session's `whipUrl` must be complete. */
  name?: string;
  /** Milliseconds between STATS events; default 2000. */
  statsIntervalMs?: number;
  /** This library publishes only: must be absent or false. */
  receiveVideo?: boolean;
  receiveAudio?: boolean;
  /** An RTMP server to push the stream to as well, under the name that the entry point's settings make of it; they may also forbid it. */
  rtmpUrl?: string;
}

const STATS_MS = 2000;

/** One publication, made by `session.createStream`. */
export class Stream extends Emitter<StreamEvents> {
  private state: StreamStatus = STREAM_STATUS.NEW;
  private words = '';
  private readonly sources: Sources;
  private publication: Publication | undefined;
  /** Measures between the page's own calls of `getStats`. */
  private meter = new StatsMeter();
  private statsTimer: ReturnType<typeof setInterval> | undefined;
  private readonly leave = (): void => {
    this.stop().catch((error: unknown) => console.debug('manycast: the stream was not ended', error));
  };

  /** @internal */
  constructor(
    private readonly options: StreamOptions,
    private readonly settings: PublicationSettings,
    private readonly onOver: (stream: Stream) => void,
  ) {
    super();
    this.sources = new Sources(
      options,
      async (track) => this.publication?.replace(track),
      (kind) => this.emit('SOURCE_ENDED', this, kind),
    );
  }

  /** Opens camera and microphone and publishes; what comes of it is told by events. */
  publish(): this {
    if (this.state !== STREAM_STATUS.NEW) throw new Error('A stream is published once: create another.');
    this.become(STREAM_STATUS.PENDING, '');
    this.start().catch((error: unknown) => this.fail(inWords(error)));
    return this;
  }

  /** Ends the stream at once, on the platforms too. Resolves when the server knows; never rejects. */
  async stop(): Promise<void> {
    if (this.over) return;
    const told = this.publication
      ?.stop()
      .catch((error: unknown) => console.warn('manycast: the server did not hear that the stream ended', error));
    this.release();
    await told;
    this.become(STREAM_STATUS.UNPUBLISHED, '');
    this.onOver(this);
  }

  status(): StreamStatus {
    return this.state;
  }

  /** Why, in words: of FAILED, or of PENDING after an interruption. */
  info(): string {
    return this.words;
  }

  name(): string | undefined {
    return this.options.name;
  }

  /** Sends silence; the microphone stays open. */
  muteAudio(): void {
    this.sources.setMuted('audio', true);
  }

  unmuteAudio(): void {
    this.sources.setMuted('audio', false);
  }

  /** Sends black pictures; the camera stays open. */
  muteVideo(): void {
    this.sources.setMuted('video', true);
  }

  unmuteVideo(): void {
    this.sources.setMuted('video', false);
  }

  isAudioMuted(): boolean {
    return this.sources.isMuted('audio');
  }

  isVideoMuted(): boolean {
    return this.sources.isMuted('video');
  }

  /** Sends a screen, window or tab that the user chooses (call it from a click); when he ends the sharing, the camera is back. */
  switchToScreen(): Promise<void> {
    return this.sources.useScreen();
  }

  /** Back to what the stream began with, or to the devices chosen since. */
  switchToCam(): Promise<void> {
    return this.sources.restore();
  }

  /** Sends tracks of yours (a test card, a canvas) in place of those of their kinds; `switchToCam` returns. */
  switchTo(stream: MediaStream): Promise<void> {
    return this.sources.use(stream);
  }

  /** Another camera, by an id of `getMediaDevices().video`. */
  switchCam(deviceId: string): Promise<void> {
    return this.sources.useDevice('video', deviceId);
  }

  /** Another microphone, by an id of `getMediaDevices().audio`. */
  switchMic(deviceId: string): Promise<void> {
    return this.sources.useDevice('audio', deviceId);
  }

  /** Figures since the last call, the first time since the connection was made. Null without a connection. */
  getStats(): Promise<StreamStats | null> {
    return this.measure(this.meter);
  }

  /** Looks for a better way to the server now; a lost connection and a changed network are noticed without. */
  async reconnect(): Promise<void> {
    await this.publication?.recover('asked for by the page');
  }

  private get over(): boolean {
    return this.state === STREAM_STATUS.UNPUBLISHED || this.state === STREAM_STATUS.FAILED;
  }

  private async start(): Promise<void> {
    try {
      await this.sources.open();
    } catch (error) {
      return this.fail(inWords(error));
    }
    if (this.over) return;
    // A page that is closed or left ends its stream; the platforms would show a frozen picture for a while.
    addEventListener('pagehide', this.leave);
    this.publication = new Publication(this.settings, () => this.sources.tracks(), {
      onLive: () => this.live(),
      onReconnecting: (step) => {
        this.become(STREAM_STATUS.PENDING, step.reason);
        this.emit('RECONNECTING', this, step);
      },
      onFailed: (reason) => this.fail(reason),
      onNotPushed: (reason) => this.emit('NOT_PUSHED', this, reason),
    });
    await this.publication.start();
  }

  private live(): void {
    this.meter = new StatsMeter();
    const ticks = new StatsMeter();
    // The first reading is what the next is compared with.
    for (const meter of [this.meter, ticks]) this.measure(meter).catch(noStats);
    clearInterval(this.statsTimer);
    this.statsTimer = setInterval(() => {
      this.reportStats(ticks).catch(noStats);
    }, this.options.statsIntervalMs ?? STATS_MS);
    this.become(STREAM_STATUS.PUBLISHING, '');
  }

  private async reportStats(meter: StatsMeter): Promise<void> {
    const stats = await this.measure(meter);
    if (stats && this.state === STREAM_STATUS.PUBLISHING) this.emit('STATS', this, stats);
  }

  private async measure(meter: StatsMeter): Promise<StreamStats | null> {
    const report = await this.publication?.getStats();
    if (!report) return null;
    const stats: Record<string, unknown>[] = [];
    report.forEach((stat: Record<string, unknown>) => stats.push(stat));
    return meter.read(stats);
  }

  private fail(reason: string): void {
    if (this.over) return;
    this.release();
    this.become(STREAM_STATUS.FAILED, reason);
    this.onOver(this);
  }

  private release(): void {
    clearInterval(this.statsTimer);
    removeEventListener('pagehide', this.leave);
    this.sources.release();
  }

  private become(state: StreamStatus, words: string): void {
    if (this.over) return;
    this.words = words;
    if (state === this.state) return;
    this.state = state;
    this.emit(state, this);
  }
}

const inWords = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The next reading may succeed, and nobody waits for this one. */
const noStats = (error: unknown): void => console.debug('manycast: no figures for now', error);
