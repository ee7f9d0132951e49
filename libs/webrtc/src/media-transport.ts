import { GstError, GstObject } from '#libs/gst';
import { batchClock } from './batch.js';
import { type IceFigures, type LocalSocket, native } from './native.js';

/** What comes in, decrypted. */
export interface PacketListener {
  /**
   * RTP and RTCP packets that came together, in the order of their arrival. Before each stand its length and whether it is RTCP, 16 bits each,
   * and when it came (`packetsOf` reads it). `now`: performance.now(), ms; `clock`: the same on the clock that says when a packet came.
   */
  batch: (packets: Buffer, now: number, clock: number) => void;
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
    const packetsId = this.hear((batch: Buffer) => {
      const now = performance.now();
      listener.batch(batch, now, batchClock(now));
    });
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
