import { createHash, randomUUID, X509Certificate } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { Element, type IceHalf, MediaTransport, type PacketListener, Pipeline } from '#libs/gst';
import type { PipelineSettings } from '#libs/protocol';
import { within } from './rtmp/deadlines.js';

/** Host candidates take milliseconds; only a STUN server that does not answer takes longer. */
const GATHERING_MS = 1000;
/** Two seconds of a 4 Mbit/s stream: by default it is half a second of small packets, and a busy machine loses the rest. */
const RECEIVE_BUFFER = 2_000_000;
const STUN_PORT = 3478;
/** A name server that does not answer must not keep a publisher waiting. */
const STUN_NAME_MS = 1000;
/** It takes milliseconds. */
const GOODBYE_MS = 500;
/** Several handshakes' worth: a publisher must not fill the memory with records that nobody reads any more. */
const MAX_RECORDS_BYTES = 65_536;
/** Hash functions of certificate fingerprints (RFC 8122, section 5) that are safe. */
const HASHES = new Map([['sha-256', 'sha256'], ['sha-384', 'sha384'], ['sha-512', 'sha512']]);

export type TransportSettings = Pick<PipelineSettings, 'mediaAddresses' | 'mediaPortMin' | 'mediaPortMax' | 'stunServer'>;

/** Who begins the DTLS handshake (RFC 8842): `active` does. */
export type DtlsRole = 'active' | 'passive';

/** A certificate's fingerprint as SDP has it (RFC 8122): hash function and hexadecimal bytes. */
export interface Fingerprint {
  hash: string;
  value: string;
}

/** What the publisher's offer says about its transport. */
export interface RemoteTransport {
  ufrag: string;
  pwd: string;
  /** It cannot take part in connectivity checks (RFC 8445, section 2.5): we lead. */
  isLite: boolean;
  fingerprints: Fingerprint[];
  /** Our role. */
  role: DtlsRole;
  /** Values of `a=candidate` lines. */
  candidates: string[];
}

/** `closed`: the publisher said so (a DTLS alert). */
export type TransportEnd = 'ice_failed' | 'dtls_failed' | 'closed';

export interface TransportEvents extends PacketListener {
  /** No media can come any more, and why. */
  onClosed: (reason: TransportEnd, detail: string) => void;
  onWarning: (message: string) => void;
}

/** The way of a publisher's packets: ICE finds it, DTLS (RFC 5764) makes the keys, SRTP protects what goes over it. */
export class WebrtcTransport {
  private readonly handshake = new Pipeline();
  private readonly records = Element.make('appsrc', { 'is-live': true, format: 'bytes', 'max-bytes': MAX_RECORDS_BYTES, 'leaky-type': 'downstream', caps: 'application/x-dtls' });
  private readonly decoder: Element;
  private readonly encoder: Element;
  private readonly media: MediaTransport;
  /** `secured`: media can be decrypted. `over`: the publisher has closed the connection, or heard that we do; nothing comes any more. */
  private state: 'new' | 'handshaking' | 'secured' | 'over' | 'closed' = 'new';
  private onSent: () => void = () => undefined;

  private constructor(
    private readonly remote: RemoteTransport,
    private readonly events: TransportEvents,
  ) {
    const id = { 'connection-id': randomUUID() };
    this.decoder = Element.make('dtlsdec', id);
    this.encoder = Element.make('dtlsenc', { ...id, 'is-client': remote.role === 'active' });
    this.media = new MediaTransport(this.records, events);
  }

  /** Resolves when our candidates are known. Rejects with GstError when no port is free. */
  static async open(remote: RemoteTransport, settings: TransportSettings, events: TransportEvents): Promise<{ transport: WebrtcTransport; half: IceHalf }> {
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

  /** Takes the publisher's candidates (values of `a=candidate`). Lines that are not understood are passed over. */
  addCandidates(candidates: string[]): void {
    // A name under .local means nothing outside the publisher's own network; its checks tell us the address.
    for (const line of candidates) if (!/\.local /.test(line)) this.media.addCandidate(`a=candidate:${line}`);
  }

  /** ICE restart (RFC 9725, section 4.3.2). */
  restart(ufrag: string, pwd: string): IceHalf {
    return this.media.restart(ufrag, pwd);
  }

  /** Encrypts and sends an RTCP packet; what cannot be sent now is lost. */
  sendRtcp(packet: Buffer): void {
    this.media.sendRtcp(packet);
  }

  /** Tells the publisher that the connection is over (close_notify: RFC 5246, 7.2.1), which it would otherwise find out after seconds. Rejects when that did not work in time. */
  async sayGoodbye(): Promise<void> {
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
    this.media.close();
    await this.handshake.close();
  }

  private async start(settings: TransportSettings): Promise<IceHalf> {
    const { media, remote } = this;
    this.prepareHandshake();
    // UPnP discovery alone takes 200 ms; TCP candidates mislead FFmpeg, which takes the first it sees.
    media.set({ upnp: false, 'ice-tcp': false, 'controlling-mode': remote.isLite });
    for (const address of settings.mediaAddresses) media.addLocalAddress(address);
    if (settings.stunServer !== null) await this.useStunServer(settings.stunServer);
    media.onState((state) => {
      if (state === 'connected' || state === 'ready') this.shakeHands();
      else if (state === 'failed') this.end('ice_failed', 'no way to the publisher was found');
    });
    const half = await media.gather(settings.mediaPortMin, settings.mediaPortMax, GATHERING_MS);
    media.setReceiveBuffer(RECEIVE_BUFFER);
    media.setPeer(remote.ufrag, remote.pwd);
    this.addCandidates(remote.candidates);
    return half;
  }

  /** @param url `stun://host:port`. libnice takes addresses only. */
  private async useStunServer(url: string): Promise<void> {
    const { hostname, port } = new URL(url.replace(/^stun:(\/\/)?/, 'stun://'));
    try {
      const { address } = await within(lookup(hostname.replace(/^\[|\]$/g, '')), STUN_NAME_MS, () => new Error(`no answer within ${STUN_NAME_MS} ms`));
      this.media.set({ 'stun-server': address, 'stun-server-port': Number(port) || STUN_PORT });
    } catch (error) {
      this.events.onWarning(`the STUN server ${hostname} is not found: ${(error as Error).message}`);
    }
  }

  private prepareHandshake(): void {
    const { handshake, records, decoder, encoder } = this;
    const sent = Element.make('appsink', { sync: false, async: false, 'enable-last-sample': false });
    handshake.add(records, decoder, encoder, sent);
    records.link(decoder);
    encoder.link(sent);
    sent.onSample(({ data }) => {
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
      if (!isOneOf(this.remote.fingerprints, certificate)) return this.end('dtls_failed', "the publisher's certificate is not the one in its offer");
      this.media.useKeys(this.decoder, this.encoder);
      this.state = 'secured';
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
    return algorithm !== undefined && createHash(algorithm).update(certificate.raw).digest('hex') === value.replaceAll(':', '').toLowerCase();
  });
}
