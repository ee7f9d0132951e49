import type { PipelineSettings } from '#libs/protocol';
import type { Fingerprint, IceHalf, RemoteTransport } from '#libs/sdp';
import { MediaTransport, ownFingerprint, type PacketListener, type TransportEnd } from '#libs/webrtc';
import { askStunServer, candidatesOf, type LocalAddress, machineAddresses, newCredentials } from './local-ice.js';

/** Two seconds of a 4 Mbit/s stream: by default it is half a second of small packets, and a busy machine loses the rest. */
const RECEIVE_BUFFER = 2_000_000;
/** Bytes of the hash functions of certificate fingerprints (RFC 8122, section 5) that are safe. */
const DIGEST_BYTES = new Map([
  ['sha-256', 32],
  ['sha-384', 48],
  ['sha-512', 64],
]);

export type TransportSettings = Pick<
  PipelineSettings,
  'mediaAddresses' | 'mediaPortMin' | 'mediaPortMax' | 'stunServer'
>;

/** How far a connection has come: nothing of the publisher's has reached us, it has, media can be decrypted. */
export type TransportStage = 'unreached' | 'reached' | 'secured';

export interface TransportEvents extends PacketListener {
  /** No media can come any more, and why. */
  onClosed: (reason: TransportEnd, detail: string) => void;
  onWarning: (message: string) => void;
}

/** The way of a publisher's packets: ICE finds it (a server's side, RFC 8445, section 2.5: the publisher asks, we answer), DTLS (RFC 5764) makes the keys, SRTP protects what goes over it. */
export class WebrtcTransport {
  private readonly media: MediaTransport;
  /** `over`: the publisher has closed the connection, or heard that we do; nothing comes any more. */
  private state: 'open' | 'over' | 'closed' = 'open';
  private sockets: LocalAddress[] = [];

  private constructor(
    { role, fingerprints }: RemoteTransport,
    private readonly events: TransportEvents,
  ) {
    this.media = new MediaTransport(role === 'active', fingerprints.flatMap(digestOf), {
      batch: events.batch,
      mapped: (socket, address, port) => {
        const seen = this.sockets[socket];
        if (seen) seen.mapped = { address, port };
      },
      ended: (reason, detail) => this.end(reason, detail),
    });
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
      transport.close();
      throw error;
    }
  }

  /** One side has closed the connection: nothing can come over it any more. */
  get isOver(): boolean {
    return this.state === 'over' || this.state === 'closed';
  }

  /** Of our certificate, which all sessions of the process share. */
  get fingerprint(): Fingerprint {
    return { hash: 'sha-256', value: ownFingerprint() };
  }

  get stage(): TransportStage {
    const { isSecured, checks } = this.media.figures;
    if (isSecured) return 'secured';
    return checks > 0 ? 'reached' : 'unreached';
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

  /** Tells the publisher that the connection is over, which it would otherwise find out after seconds. */
  closeGracefully(): void {
    if (this.state !== 'open' || this.stage !== 'secured') return;
    this.state = 'over';
    if (!this.media.sayGoodbye()) this.events.onWarning('the connection could not be closed properly');
  }

  close(): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.media.close();
  }

  private async start(settings: TransportSettings): Promise<IceHalf> {
    const { media } = this;
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

  private end(reason: TransportEnd, detail: string): void {
    if (this.isOver) return;
    if (reason === 'closed') this.state = 'over';
    this.events.onClosed(reason, detail);
  }
}

/** What such a fingerprint says in hexadecimal; nothing, where its hash is unsafe or unknown. RFC 8122, section 6.2: one that matches is enough. */
function digestOf({ hash, value }: Fingerprint): Buffer[] {
  const digest = Buffer.from(value.replaceAll(':', ''), 'hex');
  return digest.length === DIGEST_BYTES.get(hash.toLowerCase()) ? [digest] : [];
}
