// Where streams are published, in the shape of the Flashphoner SDK. WHIP has no connection of its own to keep: a session is the
// knowledge of an entry point, and ESTABLISHED means that it answers.
import type { SendSettings } from './connection.js';
import { Emitter } from './emitter.js';
import { endpointOf } from './endpoint.js';
import { Stream, type StreamOptions } from './stream.js';
import type { TokenSource } from './whip-client.js';

export const SESSION_STATUS = {
  PENDING: 'PENDING',
  ESTABLISHED: 'ESTABLISHED',
  DISCONNECTED: 'DISCONNECTED',
  FAILED: 'FAILED',
} as const;
export type SessionStatus = (typeof SESSION_STATUS)[keyof typeof SESSION_STATUS];

export interface SessionOptions extends SendSettings {
  /** `https://<host>/whip/<appid>/<entry point>`, with or without `/{stream_name}`; or any other WHIP endpoint. */
  whipUrl?: string;
  /** The same, under Flashphoner's name. */
  urlServer?: string;
  /** The publish token, or a function that fetches one. */
  token?: TokenSource;
  /** How long an interrupted stream tries to come back, ms; default two minutes, 0 for not at all. */
  reconnectMs?: number;
}

const RECONNECT_MS = 120_000;
const PROBE_MS = 10_000;

/** Made by `createSession`. Streams may be created at once, or when ESTABLISHED is told. */
export class Session extends Emitter<{ [Status in SessionStatus]: [session: Session] }> {
  private state: SessionStatus = SESSION_STATUS.PENDING;
  private readonly streams = new Set<Stream>();
  private readonly whipUrl: string;

  /** @internal */
  constructor(private readonly options: SessionOptions) {
    super();
    const whipUrl = options.whipUrl ?? options.urlServer;
    if (whipUrl === undefined)
      throw new Error('createSession needs whipUrl (or urlServer): https://<host>/whip/<appid>/<entry point>.');
    this.whipUrl = whipUrl;
    // Throws for an address that can never work.
    const probed = endpointOf(whipUrl, 'probe', location.href);
    if (typeof RTCPeerConnection === 'undefined') queueMicrotask(() => this.become(SESSION_STATUS.FAILED));
    else {
      this.probe(probed).catch((error: unknown) => console.debug('manycast: the server was not asked', error));
    }
  }

  /** A stream that is not yet published; add listeners, then call its `publish()`. */
  createStream(options: StreamOptions = {}): Stream {
    if (this.state === SESSION_STATUS.DISCONNECTED) throw new Error('The session is disconnected.');
    if (options.receiveVideo || options.receiveAudio)
      throw new Error('receiveVideo and receiveAudio are not possible: this library publishes only.');
    const { whipUrl: _, urlServer: __, token, reconnectMs = RECONNECT_MS, ...send } = this.options;
    const settings = {
      ...send,
      endpoint: endpointOf(this.whipUrl, options.name, location.href),
      token,
      rtmpUrl: options.rtmpUrl,
      reconnectMs,
    };
    const stream = new Stream(options, settings, (over) => this.streams.delete(over));
    this.streams.add(stream);
    return stream;
  }

  /** Streams that are not over. */
  getStreams(): Stream[] {
    return [...this.streams];
  }

  status(): SessionStatus {
    return this.state;
  }

  /** Stops every stream. */
  async disconnect(): Promise<void> {
    await Promise.all([...this.streams].map((stream) => stream.stop()));
    this.become(SESSION_STATUS.DISCONNECTED);
  }

  /** Asks as a WHIP client may ask before it publishes; any answer will do. */
  private async probe(url: string): Promise<void> {
    try {
      await fetch(url, { method: 'OPTIONS', signal: AbortSignal.timeout(PROBE_MS) });
      this.become(SESSION_STATUS.ESTABLISHED);
    } catch (error) {
      console.debug('manycast: the server cannot be reached', error);
      this.become(SESSION_STATUS.FAILED);
    }
  }

  private become(state: SessionStatus): void {
    if (this.state === SESSION_STATUS.DISCONNECTED) return;
    this.state = state;
    this.emit(state, this);
  }
}
