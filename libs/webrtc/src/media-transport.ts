import { type Element, GstError, GstObject } from '#libs/gst';
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

/** What ICE has to say: `connected` once the peer has found a way to us. */
export interface IceListener {
  connected: () => void;
  /** How a STUN server sees one of our sockets. */
  mapped: (socket: number, address: string, port: number) => void;
}

/**
 * ICE and SRTP of one session (RFC 8445, RFC 3711), as a server has them: it listens, and sends only to who proved to be its peer. The DTLS
 * records that come go to an appsrc, for GStreamer's DTLS elements to make the keys. Must be closed.
 */
export class MediaTransport extends GstObject {
  /** @param dtls appsrc that takes the peer's DTLS records. */
  constructor(dtls: Element, packets: PacketListener, ice: IceListener) {
    super(native.makeTransport(dtls.handle));
    const packetsId = this.hear((batch: Buffer) => {
      const now = performance.now();
      packets.batch(batch, now, batchClock(now));
    });
    const stateId = this.hear((state: string, ...values: [number, string, number]) =>
      state === 'mapped' ? ice.mapped(...values) : ice.connected(),
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

  /** Media is decrypted from now on with the keys of this pair's handshake. Throws GstError when it made none. */
  useKeys(decoder: Element, encoder: Element): void {
    native.useKeys(this.handle, decoder.handle, encoder.handle);
  }

  /** Sends a DTLS record. False when there is no way to the peer yet. */
  send(record: Buffer): boolean {
    return native.sendPacket(this.handle, record);
  }

  /** Encrypts and sends. False when there are no keys, or no way to the peer. */
  sendRtcp(packet: Buffer): boolean {
    return native.sendRtcp(this.handle, packet);
  }

  /** Closes the sockets; nothing is delivered any more. */
  close(): void {
    this.forget();
    native.closeTransport(this.handle);
  }
}
