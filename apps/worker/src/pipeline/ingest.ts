import { Element, GstError, IceAgent, type Pad, Pipeline, preload, RtpSession, type Sample, type SessionDescription } from '#libs/gst';
import { Feed, Hub } from './hub.js';
import { InputMeter } from './input-meter.js';
import { attachTrack, FACTORIES, type Track } from './media-chain.js';
import type { InputFigures, PipelineSettings } from './protocol.js';
import { WARM_UP_OFFER } from './warm-up-offer.js';
import { attributes, completeAnswer, formatFragment, parseFragment, presentAnswer, reduceOffer, SdpError, splitSections } from './sdp.js';

/** Host candidates take milliseconds; only a STUN server that does not answer takes longer. */
const GATHERING_MS = 1000;
/** Of the jitter buffer: how long a lost packet may take to be sent again, time for three requests at a round trip of 100 ms. Packets in order do not wait. */
const JITTER_MS = 400;
/** So many in a row, and the stream has begun. */
const START_PACKETS = '3';
/** By itself a jitter buffer asks for every packet that is a little late; 5 % loss is mended as well with this patience. */
const RTX_DELAY_MS = '40';
/** A twentieth of this (bytes/s) is for RTCP: requests for lost packets must not wait half a second for their turn. */
const RTCP_SHARE_OF = 1_000_000;
/** Two seconds of a 4 Mbit/s stream: by default it is half a second of small packets, and a busy machine loses the rest. */
const RECEIVE_BUFFER = 2_000_000;
const WATCH_MS = 250;
/** A video track that was negotiated but sends nothing holds the audio back no longer than this. */
const VIDEO_PATIENCE_MS = 2000;
/** Bundled (RFC 8843), so the ICE agent has one stream. */
const ICE_STREAM = 1;

type IngestSettings = Pick<PipelineSettings, 'mediaAddresses' | 'mediaPortMin' | 'mediaPortMax' | 'stunServer' | 'mediaTimeoutMs'>;

export interface IngestEvents {
  /** Media flows: for the first time, or again after a silence. */
  onMedia: () => void;
  /** Not a packet for `mediaTimeoutMs`; the connection may yet come back. */
  onSilence: () => void;
  /** The connection is over. */
  onClosed: (reason: string) => void;
  onWarning: (message: string) => void;
}

/** One publisher's WebRTC session: its answer, its media into the hub, and the watch over its life. */
export class Ingest {
  private readonly pipeline = new Pipeline();
  private readonly webrtc = Element.make('webrtcbin', { 'bundle-policy': 'max-bundle', latency: JITTER_MS });
  private readonly tracks: Track[] = [];
  private readonly meter = new InputMeter(this.webrtc);
  private readonly feed: Feed;
  private watch: NodeJS.Timeout | null = null;
  private restartLines = { mline: '', mid: '' };
  private state: 'waiting' | 'live' | 'silent' | 'closed' = 'waiting';
  private firstAudioAt: number | null = null;
  private lastKeyframeAt = performance.now();

  private constructor(
    private readonly settings: IngestSettings,
    /** The publisher announced a video track. */
    readonly hasVideo: boolean,
    openFeed: (hasVideo: boolean) => Feed,
    private readonly events: IngestEvents,
  ) {
    this.feed = openFeed(hasVideo);
  }

  /** Does once what would otherwise make the first publisher wait: loads plugins, and answers an offer that nobody made (DTLS makes its certificate). */
  static async warmUp(): Promise<void> {
    preload(FACTORIES);
    const settings = { mediaAddresses: ['127.0.0.1'], mediaPortMin: 0, mediaPortMax: 65_535, stunServer: null, mediaTimeoutMs: Infinity };
    const nothing = (): void => undefined;
    const { ingest } = await Ingest.open(WARM_UP_OFFER, settings, (hasVideo) => new Feed(new Hub(), hasVideo), { onMedia: nothing, onSilence: nothing, onClosed: nothing, onWarning: nothing });
    await ingest.close();
  }

  /** Answers an offer. Throws SdpError when there is nothing in it that can be forwarded. */
  static async open(
    sdp: string,
    settings: IngestSettings,
    openFeed: (hasVideo: boolean) => Feed,
    events: IngestEvents,
  ): Promise<{ ingest: Ingest; answer: string }> {
    const offer = reduceOffer(sdp);
    const hasVideo = splitSections(offer).media.some((section) => /^m=video [1-9]/.test(section));
    const ingest = new Ingest(settings, hasVideo, openFeed, events);
    try {
      return { ingest, answer: await ingest.negotiate(offer) };
    } catch (error) {
      await ingest.close();
      throw error instanceof GstError ? new SdpError(`The offer could not be answered: ${error.message}`) : error;
    }
  }

  get hadMedia(): boolean {
    return this.state === 'live' || this.state === 'silent';
  }

  /** Since the last key frame arrived (or the session began), ms. */
  get sinceKeyframeMs(): number {
    return performance.now() - this.lastKeyframeAt;
  }

  private async negotiate(offer: string): Promise<string> {
    const { pipeline, webrtc } = this;
    pipeline.onMessage((message) => {
      if (message.type === 'error') this.fail(message.message);
      else if (message.type === 'warning') this.events.onWarning(message.message);
    });
    pipeline.add(webrtc);
    this.configureIce();
    // webrtcbin 1.22 negotiates retransmission but leaves its jitter buffers without it in a bundle.
    for (const rtpbin of webrtc.findByFactory('rtpbin')) {
      rtpbin.set({ 'do-retransmission': true });
      rtpbin.setOnSignal('new-jitterbuffer', 'rtx-delay', RTX_DELAY_MS);
      // Else the first packet waits for the whole latency, in case others overtook it.
      rtpbin.setOnSignal('new-jitterbuffer', 'faststart-min-packets', START_PACKETS);
      // Lost is what a later packet overtook. By itself a jitter buffer also asks for a packet that is merely due, and gives it up
      // after its latency: whenever a publisher paused for longer (a busy phone, a stalled radio), its next picture was thrown away.
      rtpbin.setOnSignal('new-jitterbuffer', 'rtx-next-seqnum', 'false');
    }
    webrtc.onPadAdded((pad) => this.addTrack(pad));
    // Transceivers are made while the answer is: only so does it offer retransmission of lost packets (RFC 4588).
    webrtc.setOnSignal('on-new-transceiver', 'do-nack', 'true');
    webrtc.on('notify::connection-state', (state: string) => this.connectionChanged(state));
    const gathered = new Promise<void>((resolve) => {
      webrtc.on('notify::ice-gathering-state', (state: string) => state === 'complete' && resolve());
    });
    await pipeline.play();
    await webrtc.ask('set-remote-description', { type: 'offer', sdp: offer });
    const reply = await webrtc.ask('create-answer', null);
    const created = reply?.answer as SessionDescription | undefined;
    if (!created) throw new GstError('no answer was made');
    await webrtc.ask('set-local-description', { type: 'answer', sdp: completeAnswer(created.sdp, offer) });
    for (const session of webrtc.findByFactory('rtpsession')) {
      session.set({ bandwidth: RTCP_SHARE_OF });
      this.meter.watchSession(RtpSession.watched(session));
    }
    await Promise.race([gathered, new Promise((resolve) => setTimeout(resolve, GATHERING_MS).unref())]);
    IceAgent.of(webrtc).setReceiveBuffer(ICE_STREAM, RECEIVE_BUFFER);
    const { sdp } = webrtc.get<SessionDescription>('local-description');
    const [firstSection = ''] = splitSections(sdp).media;
    this.restartLines = { mline: firstSection.split('\r\n', 1)[0] ?? '', mid: attributes(firstSection, 'mid')[0] ?? '0' };
    this.watch = setInterval(() => this.checkSilence(), WATCH_MS).unref();
    return presentAnswer(sdp);
  }

  private configureIce(): void {
    const { mediaAddresses, mediaPortMin, mediaPortMax, stunServer } = this.settings;
    this.webrtc.child('ice-agent').set({ 'min-rtp-port': mediaPortMin, 'max-rtp-port': mediaPortMax });
    // UPnP discovery alone takes 200 ms; TCP candidates mislead FFmpeg, which takes the first it sees.
    const agent = IceAgent.of(this.webrtc).set({ upnp: false, 'ice-tcp': false });
    for (const address of mediaAddresses) agent.addLocalAddress(address);
    if (stunServer !== null) this.webrtc.set({ 'stun-server': stunServer });
  }

  /** Takes trickled candidates (RFC 8840). Lines that are not understood are passed over. */
  async addCandidates(fragment: string): Promise<void> {
    this.addRemote(parseFragment(fragment).candidates);
  }

  /** ICE restart (RFC 9725, section 4.3.2): new credentials in, ours out, as SDP fragments. Media goes on meanwhile. */
  async restart(fragment: string): Promise<string> {
    const { ufrag, pwd, candidates } = parseFragment(fragment);
    if (ufrag === null || pwd === null) throw new SdpError('An ICE restart needs a new user fragment and password.');
    const ours = IceAgent.of(this.webrtc).restart(ICE_STREAM, ufrag, pwd);
    this.addRemote(candidates);
    const { mline, mid } = this.restartLines;
    return formatFragment(mline, mid, ours.ufrag, ours.pwd, ours.candidates);
  }

  /** Asks the publisher for a key frame (RTCP PLI). */
  requestKeyframe(): void {
    this.track('video')?.sink.forceKeyUnit();
  }

  /** What came in since the last call, and in total. */
  figures(): InputFigures {
    return this.meter.figures(this.track('video')?.codec ?? null, this.track('audio')?.codec ?? null);
  }

  /** The figures of a stream that nobody feeds. */
  static noFigures(): InputFigures {
    return InputMeter.none();
  }

  async close(): Promise<void> {
    this.state = 'closed';
    if (this.watch) clearInterval(this.watch);
    this.feed.close();
    await this.pipeline.close();
  }

  private addRemote(candidates: string[]): void {
    const agent = IceAgent.of(this.webrtc);
    // A name under .local means nothing outside the publisher's own network; its checks tell us the address.
    for (const line of candidates) if (!/\.local /.test(line)) agent.addCandidate(ICE_STREAM, `a=candidate:${line}`);
  }

  private track(kind: Track['kind']): Track | undefined {
    return this.tracks.find((track) => track.kind === kind);
  }

  private addTrack(pad: Pad): void {
    if (this.state === 'closed') return;
    try {
      const isVideo = /media=\(string\)video/.test(pad.caps);
      const track = attachTrack(this.pipeline, pad, (sample) => (isVideo ? this.video(sample) : this.audio(sample)));
      if (track) {
        this.tracks.push(track);
        this.meter.watch(pad);
      }
    } catch (error) {
      this.fail((error as Error).message);
    }
  }

  private video(sample: Sample): void {
    if (this.state === 'closed') return;
    if (sample.caps !== undefined) {
      const size = (name: string): number | null => Number(new RegExp(`${name}=\\(int\\)(\\d+)`).exec(sample.caps as string)?.[1]) || null;
      const [width, height] = [size('width'), size('height')];
      this.meter.setSize(width, height);
      if (sample.codecData) this.feed.setVideoConfig(sample.codecData, width, height);
    }
    if (sample.keyframe) this.lastKeyframeAt = performance.now();
    this.meter.frame(sample.keyframe);
    this.mediaArrived();
    this.feed.video(sample);
  }

  private audio(sample: Sample): void {
    if (this.state === 'closed') return;
    const now = performance.now();
    this.firstAudioAt ??= now;
    const late = this.hasVideo && this.state === 'waiting' && now - this.firstAudioAt > VIDEO_PATIENCE_MS;
    if (late) this.feed.startWithoutVideo();
    if (!this.hasVideo || late || this.state !== 'waiting') this.mediaArrived();
    this.feed.audio(sample);
  }

  private mediaArrived(): void {
    if (this.state === 'live') return;
    this.state = 'live';
    this.events.onMedia();
  }

  private checkSilence(): void {
    if (this.state !== 'live' || this.meter.idleMs < this.settings.mediaTimeoutMs) return;
    this.state = 'silent';
    this.events.onSilence();
  }

  private connectionChanged(state: string): void {
    // `failed` may still be followed by an ICE restart; silence decides about that.
    if (state === 'closed') this.fail('the publisher closed the connection');
    else if (state === 'failed' && this.state === 'waiting') this.end('ice_timeout');
  }

  private fail(message: string): void {
    if (this.state === 'closed') return;
    this.events.onWarning(message);
    this.end('publisher_lost');
  }

  private end(reason: string): void {
    if (this.state !== 'closed') this.events.onClosed(reason);
  }
}
