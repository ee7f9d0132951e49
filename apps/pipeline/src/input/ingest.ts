import { GstError, Pipeline, preload } from '#libs/gst';
import type { ReasonCode } from '#libs/transfer';
import { formatFragment, type LocalTransport, type Offer, readFragment, readOffer, SdpError, writeAnswer } from '#libs/sdp';
import { Feed, Hub } from '../stream/hub.js';
import { healthOf, type InputProblem, problemOf, type TrackHealth } from './input-health.js';
import { InputMeter } from './input-meter.js';
import { type EncodedSample, FACTORIES, openTrack, type Track } from './media-chain.js';
import { TooLarge } from './codecs/picture-size.js';
import type { InputFigures, PipelineSettings } from '#libs/protocol';
import { RtpReceiver } from './rtp/receiver.js';
import type { OrderedPacket, TrackFormat } from './rtp/types.js';
import { inTimeSince, watchLateness } from '../process/lateness.js';
import { giveUpReason } from './session-reason.js';
import { WARM_UP_OFFER } from './transport/warm-up-offer.js';
import { type TransportEnd, type TransportSettings, WebrtcTransport } from './transport/webrtc-transport.js';

const WATCH_MS = 250;
/** A video track that was negotiated but sends nothing holds the audio back no longer than this. */
const VIDEO_PATIENCE_MS = 2000;
/** A key frame that does not come is asked for again. At the beginning it is on its way already, as a rule. */
const ASK_AGAIN_MS = 500;
const FIRST_ASK_MS = 100;

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
  /** Decoders and encoders; H.264 passes by it. */
  private readonly pipeline = new Pipeline();
  private readonly receiver: RtpReceiver;
  private readonly meter: InputMeter;
  private readonly tracks = new Map<TrackFormat, Track>();
  private readonly heardOf = new Set<TrackFormat>();
  private readonly feed: Feed;
  private transport: WebrtcTransport | null = null;
  private watch: NodeJS.Timeout | null = null;
  private work: { timer: NodeJS.Timeout; at: number } | null = null;
  private state: 'waiting' | 'live' | 'silent' | 'closed' = 'waiting';
  private answeredAt = Infinity;
  private firstAudioAt: number | null = null;
  private readonly openedAt = performance.now();
  private readonly last: Record<TrackFormat['kind'], { packetAt: number | null; sampleAt: number | null; format: TrackFormat | null }> = {
    video: { packetAt: null, sampleAt: null, format: null },
    audio: { packetAt: null, sampleAt: null, format: null },
  };
  private told: InputProblem | null = null;
  /** When the first packet of any track had come. */
  private connectedAt: number | null = null;
  private lastKeyframeAt = performance.now();
  /** When the key frame that is needed was asked for; null: none is. */
  private askedAt: number | null = null;

  private constructor(
    private readonly settings: IngestSettings,
    private readonly offer: Offer,
    openFeed: (hasVideo: boolean) => Feed,
    private readonly events: IngestEvents,
  ) {
    watchLateness();
    this.feed = openFeed(this.hasVideo);
    this.receiver = new RtpReceiver(offer.tracks, offer, {
      onPacket: (format, packet) => this.packet(format, packet),
      onLost: (format, count) => this.tracks.get(format)?.lost?.(count),
      send: (rtcp) => this.transport?.sendRtcp(rtcp),
    });
    this.meter = new InputMeter(this.receiver);
  }

  /** Does once what would otherwise make the first publisher wait: loads plugins, and answers an offer that nobody made (DTLS makes its certificate). */
  static async warmUp(): Promise<void> {
    preload(FACTORIES);
    const settings = { mediaAddresses: ['127.0.0.1'], mediaPortMin: 0, mediaPortMax: 65_535, stunServer: null, mediaTimeoutMs: Infinity, endsOnClose: false };
    const nothing = (): void => undefined;
    const { ingest } = await Ingest.open(WARM_UP_OFFER, settings, (hasVideo) => new Feed(new Hub(), hasVideo), { onMedia: nothing, onSilence: nothing, onClosed: nothing, onLeft: nothing, onWarning: nothing, onProblem: nothing });
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
    return this.told;
  }

  /** Since the last key frame arrived (or the session began), ms. */
  get sinceKeyframeMs(): number {
    return performance.now() - this.lastKeyframeAt;
  }

  private async negotiate(): Promise<string> {
    const { offer, pipeline } = this;
    pipeline.onMessage((message) => {
      if (message.type === 'error') this.fail(message.message, 'media_invalid');
      else if (message.type === 'warning') this.events.onWarning(message.message);
    });
    for (const format of offer.tracks) {
      this.tracks.set(format, openTrack(pipeline, format, (sample) => (format.kind === 'video' ? this.video(sample) : this.audio(sample))));
    }
    const [local] = await Promise.all([this.openTransport(), pipeline.play()]);
    this.answeredAt = performance.now();
    this.watch = setInterval(() => this.look(performance.now()), WATCH_MS).unref();
    return writeAnswer(offer, local);
  }

  private async openTransport(): Promise<LocalTransport> {
    const { remote } = this.offer;
    const { transport, half } = await WebrtcTransport.open(remote, this.settings, {
      rtp: (packet, arrival) => this.receiver.rtp(packet, arrival, performance.now()),
      rtcp: (packet, arrival) => this.receiver.rtcp(packet, arrival),
      done: () => this.doWork(performance.now()),
      onClosed: (reason, detail) => this.transportClosed(reason, detail),
      onWarning: this.events.onWarning,
    });
    this.transport = transport;
    // The decoders did not start.
    if (this.state === 'closed') await transport.close();
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
    this.receiver.requestKeyframe();
  }

  /** What came in since the last call, and in total. */
  figures(): InputFigures {
    return this.meter.figures(this.codec('video'), this.codec('audio'));
  }

  /** The figures of a stream that nobody feeds. */
  static noFigures(): InputFigures {
    return InputMeter.none();
  }

  /** Tells the publisher that its session is over. */
  async sayGoodbye(): Promise<void> {
    await this.transport?.sayGoodbye().catch((error: Error) => this.events.onWarning(error.message));
  }

  async close(): Promise<void> {
    this.state = 'closed';
    if (this.watch) clearInterval(this.watch);
    if (this.work) clearTimeout(this.work.timer);
    this.feed.close();
    await Promise.all([this.transport?.close(), this.pipeline.close()]);
  }

  /** Of a track that has been heard of. */
  private codec(kind: TrackFormat['kind']): string | null {
    const format = this.offer.tracks.find((track) => track.kind === kind);
    return format && this.heardOf.has(format) ? format.codec : null;
  }

  private packet(format: TrackFormat, packet: OrderedPacket): void {
    if (this.state === 'closed') return;
    this.heardOf.add(format);
    if (packet.payload.length > 0) Object.assign(this.last[format.kind], { packetAt: performance.now(), format });
    const track = this.tracks.get(format) as Track;
    if (!this.pushed(track, packet)) return;
    if (format.kind === 'video') this.askForKeyframe(track.needsKeyframe());
  }

  /** False when the publisher's media has ended the session. */
  private pushed(track: Track, packet: OrderedPacket): boolean {
    try {
      track.push(packet);
      return true;
    } catch (error) {
      if (!(error instanceof TooLarge)) throw error;
      this.fail(error.message, 'picture_too_large');
      return false;
    }
  }

  private askForKeyframe(isNeeded: boolean): void {
    const now = performance.now();
    if (!isNeeded) {
      this.askedAt = null;
      return;
    }
    this.askedAt ??= this.state === 'waiting' ? now + FIRST_ASK_MS - ASK_AGAIN_MS : -Infinity;
    if (now - this.askedAt < ASK_AGAIN_MS) return;
    this.askedAt = now;
    this.requestKeyframe();
  }

  /** Requests and reports are sent with the packets that come; a timer serves while none do. */
  private doWork(now: number): void {
    if (this.state === 'closed') return;
    this.receiver.work(now);
    const { deadline } = this.receiver;
    if (deadline === null || (this.work !== null && this.work.at <= deadline)) return;
    if (this.work) clearTimeout(this.work.timer);
    const timer = setTimeout(() => {
      this.work = null;
      this.doWork(performance.now());
    }, Math.max(1, deadline - now)).unref();
    this.work = { timer, at: deadline };
  }

  private video(sample: EncodedSample): void {
    if (this.state === 'closed') return;
    this.last.video.sampleAt = performance.now();
    if (sample.config) {
      const { record, width, height } = sample.config;
      this.meter.setSize(width, height);
      this.feed.setVideoConfig(record, width, height);
    }
    if (sample.keyframe) this.lastKeyframeAt = performance.now();
    this.meter.frame(sample.keyframe);
    this.mediaArrived();
    this.feed.video(sample);
  }

  private audio(sample: EncodedSample): void {
    if (this.state === 'closed') return;
    const now = performance.now();
    this.last.audio.sampleAt = now;
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
    this.checkHealth();
    if (this.state === 'waiting') {
      const { stage, strangers } = this.transport as WebrtcTransport;
      const why = giveUpReason({ sinceAnswerMs: inTimeSince(this.answeredAt, now), stage, strangers, hasPackets: this.heardOf.size > 0, problem: this.told });
      if (why) this.events.onClosed(why.reason, why.detail);
    } else if (inTimeSince(now - this.meter.idleMs, now) >= this.settings.mediaTimeoutMs) {
      this.fallSilent();
    }
  }

  private health(kind: TrackFormat['kind'], now: number): TrackHealth {
    if (!this.offer.tracks.some((format) => format.kind === kind)) return 'absent';
    const { packetAt, sampleAt, format } = this.last[kind];
    const track = format && this.tracks.get(format);
    if (track?.isBehind?.()) return 'flowing';
    // A track that begins late is given its time, too.
    const since = Math.max(this.openedAt, packetAt === null ? (this.connectedAt ?? now) : -Infinity);
    return healthOf({ since, lastPacketAt: packetAt, lastSampleAt: sampleAt, needsKeyframe: track?.needsKeyframe() ?? false, hasParameterSets: track?.hasParameterSets?.() ?? true }, now);
  }

  private checkHealth(): void {
    if (this.state !== 'live' && this.state !== 'waiting') return;
    const now = performance.now();
    if (this.meter.idleMs < Infinity) this.connectedAt ??= now;
    const problem = problemOf(this.health('video', now), this.health('audio', now), this.last.audio.sampleAt !== null);
    if (problem === this.told) return;
    this.told = problem;
    this.events.onProblem(problem);
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
