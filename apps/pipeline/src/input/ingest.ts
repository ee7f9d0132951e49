import { GstError, preload } from '#libs/gst';
import type { InputFigures, PipelineSettings } from '#libs/protocol';
import {
  formatFragment,
  type LocalTransport,
  type Offer,
  readFragment,
  readOffer,
  SdpError,
  writeAnswer,
} from '#libs/sdp';
import type { ReasonCode } from '#libs/transfer';
import type { TransportEnd } from '#libs/webrtc';
import { inTimeSince, watchLateness } from '../process/lateness.js';
import { Feed, Hub } from '../stream/hub.js';
import type { InputProblem } from './input-health.js';
import { InputMeter } from './input-meter.js';
import { type EncodedSample, FACTORIES } from './media-chain.js';
import { SessionMedia } from './session-media.js';
import { giveUpReason } from './session-reason.js';
import { WARM_UP_OFFER } from './transport/warm-up-offer.js';
import { type TransportSettings, WebrtcTransport } from './transport/webrtc-transport.js';

const WATCH_MS = 250;
/** A video track that was negotiated but sends nothing holds the audio back no longer than this. */
const VIDEO_PATIENCE_MS = 2000;

type IngestSettings = TransportSettings & Pick<PipelineSettings, 'mediaTimeoutMs'> & { endsOnClose: boolean };

export interface IngestEvents {
  /** Media flows: for the first time, or again after a silence. */
  onMedia: () => void;
  /** Not a packet for `mediaTimeoutMs`; the connection may yet come back. */
  onSilence: () => void;
  /** The connection is over, or is given up. */
  onClosed: (reason: ReasonCode, detail: string | null) => void;
  /** The publisher closed the connection, which means that it has left (`endsOnClose`). */
  onLeft: () => void;
  onWarning: (message: string) => void;
  /** Something of what was announced does not come, or cannot be decoded; null: no more. */
  onProblem: (problem: InputProblem | null) => void;
}

/** One publisher's WebRTC session: its answer, its media into the hub, and the watch over its life. */
export class Ingest {
  private readonly media: SessionMedia;
  private readonly feed: Feed;
  private transport: WebrtcTransport | null = null;
  private watch: NodeJS.Timeout | null = null;
  private state: 'waiting' | 'live' | 'silent' | 'closed' = 'waiting';
  private answeredAt = Infinity;
  private firstAudioAt: number | null = null;

  private constructor(
    private readonly settings: IngestSettings,
    private readonly offer: Offer,
    openFeed: (hasVideo: boolean) => Feed,
    private readonly events: IngestEvents,
  ) {
    watchLateness();
    this.feed = openFeed(this.hasVideo);
    this.media = new SessionMedia(offer, {
      onSample: (kind, sample) => (kind === 'video' ? this.video(sample) : this.audio(sample)),
      onFailed: (message, reason) => this.fail(message, reason),
      onWarning: events.onWarning,
      sendRtcp: (packet) => this.transport?.sendRtcp(packet),
      isWaiting: () => this.state === 'waiting',
    });
  }

  /** Does once what would otherwise make the first publisher wait: loads plugins, and answers an offer that nobody made (DTLS makes its certificate). */
  static async warmUp(): Promise<void> {
    preload(FACTORIES);
    const settings = {
      mediaAddresses: ['127.0.0.1'],
      mediaPortMin: 0,
      mediaPortMax: 65_535,
      stunServer: null,
      mediaTimeoutMs: Infinity,
      endsOnClose: false,
    };
    const nothing = (): void => undefined;
    const { ingest } = await Ingest.open(WARM_UP_OFFER, settings, (hasVideo) => new Feed(new Hub(), hasVideo), {
      onMedia: nothing,
      onSilence: nothing,
      onClosed: nothing,
      onLeft: nothing,
      onWarning: nothing,
      onProblem: nothing,
    });
    await ingest.close();
  }

  /** Answers an offer. Throws SdpError for one that cannot be served; the API has refused it before. */
  static async open(
    sdp: string,
    settings: IngestSettings,
    openFeed: (hasVideo: boolean) => Feed,
    events: IngestEvents,
  ): Promise<{ ingest: Ingest; answer: string }> {
    const ingest = new Ingest(settings, readOffer(sdp), openFeed, events);
    try {
      return { ingest, answer: await ingest.negotiate() };
    } catch (error) {
      await ingest.close();
      throw error instanceof GstError ? new SdpError(`The offer could not be answered: ${error.message}`) : error;
    }
  }

  /** The publisher announced a video track. */
  get hasVideo(): boolean {
    return this.offer.tracks.some(({ kind }) => kind === 'video');
  }

  get hadMedia(): boolean {
    return this.state === 'live' || this.state === 'silent';
  }

  /** What does not come of what was announced, or cannot be decoded, as told last. */
  get problem(): InputProblem | null {
    return this.media.health.problem;
  }

  /** Since the last key frame arrived (or the session began), ms. */
  get sinceKeyframeMs(): number {
    return this.media.sinceKeyframeMs;
  }

  private async negotiate(): Promise<string> {
    this.media.openTracks();
    const [local] = await Promise.all([this.openTransport(), this.media.play()]);
    this.answeredAt = performance.now();
    this.watch = setInterval(() => this.look(performance.now()), WATCH_MS).unref();
    return writeAnswer(this.offer, local);
  }

  private async openTransport(): Promise<LocalTransport> {
    const { remote } = this.offer;
    const { transport, half } = await WebrtcTransport.open(remote, this.settings, {
      batch: (packets, now, clock) => this.media.packets(packets, now, clock),
      onClosed: (reason, detail) => this.transportClosed(reason, detail),
      onWarning: this.events.onWarning,
    });
    this.transport = transport;
    // The decoders did not start.
    if (this.state === 'closed') transport.close();
    return { half, fingerprint: transport.fingerprint, role: remote.role };
  }

  /** ICE restart (RFC 9725, section 4.3.2): new credentials in, ours out, as SDP fragments. Media goes on meanwhile. */
  restart(fragment: string): string {
    const { ufrag, pwd } = readFragment(fragment);
    if (ufrag === null || pwd === null) throw new SdpError('An ICE restart needs a new user fragment and password.');
    const { mline, mid } = this.offer.first;
    return formatFragment(mline, mid, (this.transport as WebrtcTransport).restart());
  }

  /** Asks the publisher for a key frame (RTCP PLI). */
  requestKeyframe(): void {
    this.media.requestKeyframe();
  }

  /** What came in since the last call, and in total. */
  figures(): InputFigures {
    return this.media.figures();
  }

  /** The figures of a stream that nobody feeds. */
  static noFigures(): InputFigures {
    return InputMeter.none();
  }

  /** Tells the publisher that its session is over. */
  closeGracefully(): void {
    this.transport?.closeGracefully();
  }

  async close(): Promise<void> {
    this.state = 'closed';
    if (this.watch) clearInterval(this.watch);
    this.media.stop();
    this.feed.close();
    this.transport?.close();
    await this.media.close();
  }

  private video(sample: EncodedSample): void {
    if (sample.config) {
      const { record, width, height } = sample.config;
      this.feed.setVideoConfig(record, width, height);
    }
    this.mediaArrived();
    this.feed.video(sample);
  }

  private audio(sample: EncodedSample): void {
    const now = performance.now();
    this.firstAudioAt ??= now;
    const late = this.hasVideo && this.state === 'waiting' && now - this.firstAudioAt > VIDEO_PATIENCE_MS;
    if (late) this.feed.startWithoutVideo();
    if (!this.hasVideo || late || this.state !== 'waiting') this.mediaArrived();
    this.feed.audio(sample);
  }

  private mediaArrived(): void {
    // What was under way when the publisher closed the connection is no sign of life.
    if (this.state === 'live' || this.transport?.isOver) return;
    this.state = 'live';
    this.events.onMedia();
  }

  /** What only time shows: a session that nothing comes of, a track that does not come, and a silence. */
  private look(now: number): void {
    this.checkHealth(now);
    const { hasPackets, problem } = this.media.health;
    if (this.state === 'waiting') {
      const { stage, strangers } = this.transport as WebrtcTransport;
      const why = giveUpReason({
        sinceAnswerMs: inTimeSince(this.answeredAt, now),
        stage,
        strangers,
        hasPackets,
        problem,
      });
      if (why) this.events.onClosed(why.reason, why.detail);
    } else if (inTimeSince(now - this.media.idleMs, now) >= this.settings.mediaTimeoutMs) {
      this.fallSilent();
    }
  }

  private checkHealth(now: number): void {
    if (this.state !== 'live' && this.state !== 'waiting') return;
    const { health, idleMs } = this.media;
    if (health.check(now, idleMs < Infinity)) this.events.onProblem(health.problem);
  }

  private fallSilent(): void {
    if (this.state !== 'live') return;
    this.state = 'silent';
    this.events.onSilence();
  }

  private transportClosed(reason: TransportEnd, detail: string): void {
    if (this.state === 'closed') return;
    this.events.onWarning(detail);
    if (reason === 'closed' && this.settings.endsOnClose) return this.events.onLeft();
    // Many clients close the connection before they end the session: who does that has left, and who does not is waited for.
    if (reason === 'closed' && this.hadMedia) this.fallSilent();
    else if (this.state === 'waiting' && reason === 'dtls_failed') this.events.onClosed('dtls_failed', detail);
    else this.events.onClosed('publisher_lost', null);
  }

  /** The decoders take no more of this session's media. */
  private fail(message: string, reason: ReasonCode): void {
    if (this.state === 'closed') return;
    this.events.onWarning(message);
    this.events.onClosed(reason, null);
  }
}
