import { GstError, GstObject } from '#libs/gst';
import { type IceFigures, type LocalSocket, native } from './native.js';

/** Before each packet of a batch: its length and whether it is RTCP, 16 bits each; the lower 32 bits of the system's monotonic clock (us) when it came. */
const HEAD_BYTES = 8;
/** That clock minus performance.now(), ms. */
const CLOCK_OFFSET = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** What comes in, decrypted: RTP packets and RTCP packets, in the order of their arrival, and when that was (performance.now(), ms). */
export interface PacketListener {
  rtp: (packet: Buffer, arrival: number) => void;
  rtcp: (packet: Buffer, arrival: number) => void;
  /** After the last packet of those that came together. */
  done: () => void;
}

/** `closed`: the peer said so (an alert of DTLS). */
export type TransportEnd = 'dtls_failed' | 'closed';

export interface TransportListener extends PacketListener {
  /** How a STUN server sees one of our sockets. */
  mapped: (socket: number, address: string, port: number) => void;
  /** No media can come any more, and why. At most once. */
  ended: (reason: TransportEnd, detail: string) => void;
}

/** SHA-256 of the certificate that all sessions of this process have, as SDP writes it. */
export const ownFingerprint = (): string => native.ownFingerprint();

/**
 * ICE, DTLS and SRTP of one session (RFC 8445, RFC 5764, RFC 3711), as a server has them: it listens, and sends only to who proved to be its
 * peer. Must be closed.
 */
export class MediaTransport extends GstObject {
  /**
   * @param isClient whether our handshake begins
   * @param digests what may be the fingerprint of the peer's certificate, of SHA-256, SHA-384 or SHA-512; nobody else is let in
   */
  constructor(isClient: boolean, digests: Buffer[], listener: TransportListener) {
    super(native.makeTransport(isClient, digests));
    const packetsId = this.hear((batch: Buffer) => split(batch, listener));
    const stateId = this.hear(
      (event: 'mapped' | TransportEnd, what: number | string, address: string, port: number) => {
        if (event === 'mapped') listener.mapped(what as number, address, port);
        else listener.ended(event, what as string);
      },
    );
    native.subscribeTransport(this.handle, packetsId, stateId);
  }

  /**
   * Opens a socket on each address where a port of the range is free; those that there are now. Throws GstError when none is.
   * @param receiveBuffer room in the kernel for what the process has not read yet, bytes; the kernel gives less where its limit is lower.
   */
  listenOn(addresses: string[], lowestPort: number, highestPort: number, receiveBuffer: number): LocalSocket[] {
    const sockets = native.listenOn(this.handle, addresses, lowestPort, highestPort, receiveBuffer);
    if (sockets.length === 0) throw new GstError('no UDP port is free on the addresses that are offered');
    return sockets;
  }

  /** Our credentials. Later ones are those of an ICE restart: the earlier ones count until the peer has chosen a way with these. */
  setCredentials(ufrag: string, pwd: string): void {
    native.setCredentials(this.handle, ufrag, pwd);
  }

  /** Asks a STUN server how it sees our sockets (RFC 8489). @param transaction 12 random bytes */
  askStun(transaction: Buffer, address: string, port: number): void {
    native.askStun(this.handle, transaction, address, port);
  }

  get figures(): IceFigures {
    return native.iceFigures(this.handle);
  }

  /** Encrypts and sends. False when there are no keys, or no way to the peer. */
  sendRtcp(packet: Buffer): boolean {
    return native.sendRtcp(this.handle, packet);
  }

  /** Tells the peer that nothing comes any more (close_notify: RFC 5246, section 7.2.1). False when that cannot be sent, or there is no connection. */
  sayGoodbye(): boolean {
    return native.sayGoodbye(this.handle);
  }

  /** Closes the sockets; nothing is delivered any more. */
  close(): void {
    this.forget();
    native.closeTransport(this.handle);
  }
}

function split(batch: Buffer, listener: PacketListener): void {
  const now = performance.now();
  const clock = Math.round((now + CLOCK_OFFSET) * 1000);
  for (let at = 0; at < batch.length;) {
    const start = at + HEAD_BYTES;
    const isRtcp = batch.readUInt16BE(at + 2) !== 0;
    const arrival = now - Math.max(0, (clock - batch.readUInt32BE(at + 4)) | 0) / 1000;
    at = start + batch.readUInt16BE(at);
    const packet = batch.subarray(start, at);
    if (isRtcp) listener.rtcp(packet, arrival);
    else listener.rtp(packet, arrival);
  }
  listener.done();
}
