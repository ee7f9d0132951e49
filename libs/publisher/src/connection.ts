// One RTCPeerConnection over one WHIP session, from its offer to its end. What to do when it breaks is the stream's business.
import { fragmentOf, iceUfrag, type LocalCandidate, restartedAnswer } from './sdp.js';
import { SilenceWatch } from './silence-watch.js';
import type { WhipClient } from './whip-client.js';

/** How the media shall be sent. */
export interface SendSettings {
  /** ICE servers of the page's own; without any, those that the server names are used. */
  iceServers?: RTCIceServer[] | undefined;
  iceTransportPolicy?: RTCIceTransportPolicy | undefined;
  /** The most that the video may take, kbit/s. Without it the browser decides (about 2500). */
  maxVideoKbps?: number | undefined;
  maxAudioKbps?: number | undefined;
  /** What suffers on a bad uplink: by default the frame rate, since a platform shows one size badly after the other. */
  degradationPreference?: RTCDegradationPreference | undefined;
}

/** The media path broke, or was never made. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
}

/** ICE and DTLS take a few seconds at most; the server gives up at the same time (FIRST_MEDIA_MS of libs/protocol). */
const CONNECT_MS = 15_000;
const RESTART_MS = 8000;
/** `disconnected` often heals by itself: Wi-Fi roams in less. */
const PATIENCE_MS = 1000;
/** Host candidates come together: one PATCH carries them. */
const TRICKLE_MS = 20;
/** How often the path is looked at. */
const LOOK_MS = 500;

/** What a connection tells; both end its usefulness unless somebody acts. */
export interface ConnectionEvents {
  /** Media no longer flows. */
  onBroken: (reason: string) => void;
  /** The server says nothing any more, though the browser still counts the connection as good: it may have gone. */
  onSilent: () => void;
}

/** A running connection; made by `Connection.open`. */
export class Connection {
  private readonly pc: RTCPeerConnection;
  private candidates: LocalCandidate[] = [];
  private gathered = false;
  /** False while the server does not know our ICE credentials of now. */
  private trickling = false;
  private flushTimer: ReturnType<typeof setTimeout> | undefined;
  private patienceTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly silence = new SilenceWatch();
  private looking: ReturnType<typeof setInterval> | undefined;
  private answer = '';
  private readonly stateChanged = new EventTarget();

  private constructor(
    private readonly client: WhipClient,
    private readonly tracks: readonly MediaStreamTrack[],
    private readonly settings: SendSettings,
    private readonly events: ConnectionEvents,
  ) {
    this.pc = new RTCPeerConnection({
      bundlePolicy: 'max-bundle',
      iceServers: settings.iceServers ?? [],
      iceTransportPolicy: settings.iceTransportPolicy ?? 'all',
    });
    this.pc.onicecandidate = ({ candidate }) => this.gather(candidate);
    this.pc.onconnectionstatechange = () => this.watch();
  }

  /**
   * Publishes these tracks; resolves when media flows. After a failure the session, if there is
   * one, is the caller's to end: on a reconnect, ending it would end the stream.
   */
  static async open(
    client: WhipClient,
    tracks: readonly MediaStreamTrack[],
    settings: SendSettings,
    events: ConnectionEvents,
    signal: AbortSignal,
  ): Promise<Connection> {
    const connection = new Connection(client, tracks, settings, events);
    try {
      await connection.negotiate(signal);
      await connection.connected(CONNECT_MS, signal);
      connection.looking = setInterval(() => {
        connection.listen().catch((error: unknown) => console.debug('manycast: the path cannot be watched', error));
      }, LOOK_MS);
      return connection;
    } catch (error) {
      connection.drop();
      throw error;
    }
  }

  /** New ICE credentials and candidates on the same session: the connection to the platforms does not notice. */
  async restart(signal: AbortSignal): Promise<void> {
    this.trickling = false;
    this.candidates = [];
    this.gathered = false;
    const offer = await this.pc.createOffer({ iceRestart: true });
    await this.pc.setLocalDescription(offer);
    const fragment = await this.client.restart(fragmentOf(offer.sdp ?? '', [], false));
    this.answer = restartedAnswer(this.answer, fragment);
    await this.pc.setRemoteDescription({ type: 'answer', sdp: this.answer });
    this.startTrickling();
    await this.connected(RESTART_MS, signal);
  }

  /** Sends another track in place of the one of its kind; no negotiation is needed. */
  async replace(track: MediaStreamTrack): Promise<void> {
    if (this.pc.signalingState === 'closed') return;
    await this.pc
      .getTransceivers()
      .find(({ sender }) => sender.track?.kind === track.kind)
      ?.sender.replaceTrack(track);
  }

  getStats(): Promise<RTCStatsReport> {
    return this.pc.getStats();
  }

  /** Media can no longer flow, and an ICE restart cannot change that. */
  get isClosed(): boolean {
    return this.state === 'closed';
  }

  /** Lets go of the connection without ending the session: that is for whoever has made it. */
  drop(): void {
    clearTimeout(this.patienceTimer);
    clearTimeout(this.flushTimer);
    clearInterval(this.looking);
    this.pc.onicecandidate = null;
    this.pc.onconnectionstatechange = null;
    if (this.dtls) this.dtls.onstatechange = null;
    this.pc.close();
    this.stateChanged.dispatchEvent(new Event('change'));
  }

  private async negotiate(signal: AbortSignal): Promise<void> {
    // No parallel loop: the order of the calls is the order of the media sections.
    for (const track of this.tracks) await this.addTrack(track);
    const offer = await this.pc.createOffer();
    const answer = await this.client.offer(offer.sdp ?? '', signal);
    this.answer = answer.sdp;
    // Gathering begins with the local description: only now are the server's ICE servers known (RFC 9725, section 4.6).
    if (!this.settings.iceServers && answer.iceServers.length > 0)
      this.pc.setConfiguration({ ...this.pc.getConfiguration(), iceServers: answer.iceServers });
    await this.pc.setLocalDescription(offer);
    if (this.dtls) this.dtls.onstatechange = () => this.watch();
    await this.pc.setRemoteDescription({ type: 'answer', sdp: answer.sdp });
    this.startTrickling();
  }

  /** All tracks share it. */
  private get dtls(): RTCDtlsTransport | null {
    return this.pc.getSenders()[0]?.transport ?? null;
  }

  /** A connection whose DTLS the other side has closed still is `connected` to browsers (WebRTC, RTCPeerConnectionState). */
  private get state(): RTCPeerConnectionState {
    return this.dtls?.state === 'closed' ? 'closed' : this.pc.connectionState;
  }

  private async addTrack(track: MediaStreamTrack): Promise<void> {
    const transceiver = this.pc.addTransceiver(track, { direction: 'sendonly' });
    if (track.kind === 'video') preferH264(transceiver);
    const { sender } = transceiver;
    const parameters = sender.getParameters();
    const kbps = track.kind === 'video' ? this.settings.maxVideoKbps : this.settings.maxAudioKbps;
    // Firefox of some versions has no encodings before the negotiation.
    if (kbps !== undefined && parameters.encodings?.[0]) parameters.encodings[0].maxBitrate = kbps * 1000;
    if (track.kind === 'video')
      parameters.degradationPreference = this.settings.degradationPreference ?? 'maintain-resolution';
    // A browser that cannot limit still publishes.
    await sender
      .setParameters(parameters)
      .catch((error: unknown) => console.warn('manycast: this browser refuses the bitrate settings', error));
  }

  private gather(candidate: RTCIceCandidate | null): void {
    // Those of an ICE session before may still come in.
    const ufrag = candidate?.usernameFragment;
    if (ufrag && ufrag !== iceUfrag(this.pc.localDescription?.sdp ?? '')) return;
    if (candidate === null) this.gathered = true;
    else if (candidate.candidate !== '') this.candidates.push(candidate);
    if (this.trickling) this.flushSoon();
  }

  private startTrickling(): void {
    this.trickling = true;
    this.flushSoon();
  }

  private flushSoon(): void {
    this.flushTimer ??= setTimeout(() => {
      this.flushTimer = undefined;
      if (!this.trickling || (this.candidates.length === 0 && !this.gathered)) return;
      const candidates = this.candidates.splice(0);
      const fragment = fragmentOf(this.pc.localDescription?.sdp ?? '', candidates, this.gathered);
      // The server also learns our addresses from our checks; one that takes no candidates is no reason to fail.
      this.client
        .trickle(fragment)
        .catch((error: unknown) => console.debug('manycast: candidates were refused', error));
    }, TRICKLE_MS);
  }

  private watch(): void {
    this.stateChanged.dispatchEvent(new Event('change'));
    const { state } = this;
    clearTimeout(this.patienceTimer);
    if (state === 'failed' || state === 'closed')
      this.events.onBroken(state === 'failed' ? 'the connection failed' : 'the server closed the connection');
    else if (state === 'disconnected')
      this.patienceTimer = setTimeout(() => this.events.onBroken('the connection was lost'), PATIENCE_MS);
  }

  private async listen(): Promise<void> {
    if (this.state !== 'connected') return this.silence.reset();
    try {
      const report = [...(await this.pc.getStats()).values()] as Record<string, unknown>[];
      if (!this.silence.isSilent(report, performance.now())) return;
      this.silence.reset();
      this.events.onSilent();
    } catch (error) {
      console.debug('manycast: the path cannot be watched', error);
    }
  }

  /** Resolves once connected; rejects when that has become impossible, takes too long or is no longer wanted. */
  private connected(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settled = new AbortController();
      const finish = (action: () => void): void => {
        settled.abort();
        clearTimeout(timer);
        action();
      };
      const timer = setTimeout(
        () => finish(() => reject(new ConnectionError('No media path to the server could be made: is UDP blocked?'))),
        ms,
      );
      const look = (): void => {
        const { state } = this;
        if (state === 'connected') finish(resolve);
        else if (state === 'failed' || state === 'closed')
          finish(() => reject(new ConnectionError(`The media path to the server is ${state}.`)));
      };
      const abort = (): void => finish(() => reject(new ConnectionError('The stream was stopped.')));
      this.stateChanged.addEventListener('change', look, { signal: settled.signal });
      signal.addEventListener('abort', abort, { signal: settled.signal });
      if (signal.aborted) abort();
      // `failed` is what an ICE restart begins with; only what comes after counts.
      else if (this.state === 'connected') finish(resolve);
    });
  }
}

/** H.264 goes to RTMP untouched; anything else is transcoded by the server, at a loss. */
function preferH264(transceiver: RTCRtpTransceiver): void {
  const codecs = RTCRtpSender.getCapabilities('video')?.codecs ?? [];
  const rank = ({ mimeType, sdpFmtpLine = '' }: RTCRtpCodec): number =>
    mimeType.toLowerCase() !== 'video/h264' ? 2 : sdpFmtpLine.includes('packetization-mode=1') ? 0 : 1;
  if (!codecs.some((codec) => rank(codec) < 2)) return;
  try {
    transceiver.setCodecPreferences([...codecs].sort((a, b) => rank(a) - rank(b)));
  } catch (error) {
    // Some browsers compare with what they can receive. The offer then has the browser's own order, and the server picks H.264.
    console.debug('manycast: the browser keeps its order of codecs', error);
  }
}
