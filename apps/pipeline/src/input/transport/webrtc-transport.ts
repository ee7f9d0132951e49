import { createHash, randomUUID, X509Certificate } from 'node:crypto';
import { Element, Pipeline } from '#libs/gst';
import type { PipelineSettings } from '#libs/protocol';
import type { Fingerprint, IceHalf, RemoteTransport } from '#libs/sdp';
import { MediaTransport, type PacketListener } from '#libs/webrtc';
import { DtlsFlight } from './dtls-flight.js';
import { askStunServer, candidatesOf, type LocalAddress, machineAddresses, newCredentials } from './local-ice.js';
import { within } from '../../process/deadlines.js';

/** Two seconds of a 4 Mbit/s stream: by default it is half a second of small packets, and a busy machine loses the rest. */
const RECEIVE_BUFFER = 2_000_000;
/** It takes milliseconds. */
const GOODBYE_MS = 500;
/** Several handshakes' worth: a publisher must not fill the memory with records that nobody reads any more. */
const MAX_RECORDS_BYTES = 65_536;
/** Hash functions of certificate fingerprints (RFC 8122, section 5) that are safe. */
const HASHES = new Map([
  ['sha-256', 'sha256'],
  ['sha-384', 'sha384'],
  ['sha-512', 'sha512'],
]);

export type TransportSettings = Pick<
  PipelineSettings,
  'mediaAddresses' | 'mediaPortMin' | 'mediaPortMax' | 'stunServer'
>;

/** `closed`: the publisher said so (a DTLS alert). */
export type TransportEnd = 'dtls_failed' | 'closed';

/** How far a connection has come: nothing of the publisher's has reached us, it has, media can be decrypted. */
export type TransportStage = 'unreached' | 'reached' | 'secured';

export interface TransportEvents extends PacketListener {
  /** No media can come any more, and why. */
  onClosed: (reason: TransportEnd, detail: string) => void;
  onWarning: (message: string) => void;
}

/** The way of a publisher's packets: ICE finds it (a server's side, RFC 8445, section 2.5: the publisher asks, we answer), DTLS (RFC 5764) makes the keys, SRTP protects what goes over it. */
export class WebrtcTransport {
  private readonly handshake = new Pipeline();
  private readonly records = Element.make('appsrc', {
    'is-live': true,
    format: 'bytes',
    'max-bytes': MAX_RECORDS_BYTES,
    'leaky-type': 'downstream',
    caps: 'application/x-dtls',
  });
  private readonly decoder: Element;
  private readonly encoder: Element;
  private readonly media: MediaTransport;
  /** `secured`: media can be decrypted. `over`: the publisher has closed the connection, or heard that we do; nothing comes any more. */
  private state: 'new' | 'handshaking' | 'secured' | 'over' | 'closed' = 'new';
  private onSent: () => void = () => undefined;
  private readonly flight: DtlsFlight;
  private sockets: LocalAddress[] = [];
  private isSecured = false;

  private constructor(
    private readonly remote: RemoteTransport,
    private readonly events: TransportEvents,
  ) {
    const id = { 'connection-id': randomUUID() };
    this.decoder = Element.make('dtlsdec', id);
    this.encoder = Element.make('dtlsenc', { ...id, 'is-client': remote.role === 'active' });
    this.media = new MediaTransport(this.records, events, {
      connected: () => this.shakeHands(),
      mapped: (socket, address, port) => {
        const seen = this.sockets[socket];
        if (seen) seen.mapped = { address, port };
      },
    });
    this.flight = new DtlsFlight(
      (record) => this.media.send(record),
      () => this.media.figures.records,
    );
  }

  /** Resolves when our candidates are known. Rejects with GstError when no port is free. */
  static async open(
    remote: RemoteTransport,
    settings: TransportSettings,
    events: TransportEvents,
  ): Promise<{ transport: WebrtcTransport; half: IceHalf }> {
    const transport = new WebrtcTransport(remote, events);
    try {
      return { transport, half: await transport.start(settings) };
    } catch (error) {
      await transport.close();
      throw error;
    }
  }

  /** One side has closed the connection: nothing can come over it any more. */
  get isOver(): boolean {
    return this.state === 'over' || this.state === 'closed';
  }

  /** Of our certificate, which all sessions of the process share. */
  get fingerprint(): Fingerprint {
    return { hash: 'sha-256', value: new X509Certificate(this.decoder.get<string>('pem')).fingerprint256 };
  }

  get stage(): TransportStage {
    if (this.isSecured) return 'secured';
    return this.media.figures.checks > 0 ? 'reached' : 'unreached';
  }

  /** Connectivity checks that came with other credentials than those of the answer. */
  get strangers(): number {
    return this.media.figures.strangers;
  }

  /**
   * ICE restart (RFC 9725, section 4.3.2): new credentials on the same sockets. What the publisher uses now goes on until it has chosen a way
   * with these. One candidate, of the socket that it has reached: several are joined with commas by some clients (whip-whep, binbat), and those
   * of the answer stay valid.
   */
  restart(): IceHalf {
    const credentials = newCredentials();
    this.media.setCredentials(credentials.ufrag, credentials.pwd);
    const used = this.sockets[this.media.figures.socket];
    return {
      ...credentials,
      candidates: candidatesOf(used ? [{ address: used.address, port: used.port }] : this.sockets).slice(0, 1),
    };
  }

  /** Encrypts and sends an RTCP packet; what cannot be sent now is lost. */
  sendRtcp(packet: Buffer): void {
    this.media.sendRtcp(packet);
  }

  /** Tells the publisher that the connection is over (close_notify: RFC 5246, 7.2.1), which it would otherwise find out after seconds. Rejects when that did not work in time. */
  async closeGracefully(): Promise<void> {
    if (this.state !== 'secured') return;
    this.state = 'over';
    const sent = new Promise<void>((resolve) => (this.onSent = resolve));
    const nothing = Element.make('appsrc', { format: 'bytes' });
    this.handshake.add(nothing);
    nothing.link(this.encoder);
    await this.handshake.play();
    nothing.emit('end-of-stream');
    await within(sent, GOODBYE_MS, () => new Error('the connection could not be closed properly'));
  }

  async close(): Promise<void> {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.flight.stop();
    this.media.close();
    await this.handshake.close();
  }

  private async start(settings: TransportSettings): Promise<IceHalf> {
    const { media } = this;
    this.prepareHandshake();
    const { mediaAddresses, mediaPortMin, mediaPortMax, stunServer } = settings;
    this.sockets = media.listenOn(
      mediaAddresses.length > 0 ? mediaAddresses : machineAddresses(),
      mediaPortMin,
      mediaPortMax,
      RECEIVE_BUFFER,
    );
    const credentials = newCredentials();
    media.setCredentials(credentials.ufrag, credentials.pwd);
    if (stunServer !== null) await this.askStunServer(stunServer);
    return { ...credentials, candidates: candidatesOf(this.sockets) };
  }

  private async askStunServer(url: string): Promise<void> {
    const answered = (): boolean =>
      this.sockets.every(({ address, mapped }) => mapped !== undefined || address.includes(':'));
    try {
      await askStunServer(this.media, url, this.sockets, answered);
    } catch (error) {
      this.events.onWarning(
        `the STUN server ${new URL(url.replace(/^stun:(\/\/)?/, 'stun://')).hostname} is not found: ${(error as Error).message}`,
      );
    }
  }

  private prepareHandshake(): void {
    const { handshake, records, decoder, encoder } = this;
    const sent = Element.make('appsink', { sync: false, async: false, 'enable-last-sample': false });
    handshake.add(records, decoder, encoder, sent);
    records.link(decoder);
    encoder.link(sent);
    sent.onSample(({ data }) => {
      if (this.state === 'handshaking') this.flight.sent(data);
      this.media.send(data);
      this.onSent();
    });
    let keys = 0;
    for (const element of [decoder, encoder]) {
      element.on('on-key-received', () => ++keys === 2 && this.keysMade());
      element.on('notify::connection-state', (state: string) => this.stateChanged(state));
    }
    handshake.onMessage((message) => {
      if (message.type === 'error') this.end('dtls_failed', message.message);
      else if (message.type === 'warning') this.events.onWarning(message.message);
    });
  }

  private shakeHands(): void {
    if (this.state !== 'new') return;
    this.state = 'handshaking';
    this.handshake.play().catch((error: Error) => this.end('dtls_failed', error.message));
  }

  private keysMade(): void {
    if (this.state !== 'handshaking') return;
    try {
      const certificate = new X509Certificate(this.decoder.get<string>('peer-pem'));
      if (!isOneOf(this.remote.fingerprints, certificate))
        return this.end('dtls_failed', "the publisher's certificate is not the one in its offer");
      this.media.useKeys(this.decoder, this.encoder);
      this.flight.stop();
      this.state = 'secured';
      this.isSecured = true;
    } catch (error) {
      this.end('dtls_failed', (error as Error).message);
    }
  }

  private stateChanged(state: string): void {
    if (state === 'failed') this.end('dtls_failed', 'the DTLS handshake failed');
    else if (state === 'closed' && this.state !== 'new') this.end('closed', 'the publisher closed the connection');
  }

  private end(reason: TransportEnd, detail: string): void {
    if (this.isOver) return;
    if (reason === 'closed') this.state = 'over';
    this.events.onClosed(reason, detail);
  }
}

/** RFC 8122, section 6.2: one fingerprint that matches is enough. */
function isOneOf(fingerprints: Fingerprint[], certificate: X509Certificate): boolean {
  return fingerprints.some(({ hash, value }) => {
    const algorithm = HASHES.get(hash.toLowerCase());
    return (
      algorithm !== undefined &&
      createHash(algorithm).update(certificate.raw).digest('hex') === value.replaceAll(':', '').toLowerCase()
    );
  });
}
