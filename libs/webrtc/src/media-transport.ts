import { type Element, GstError, GstObject } from '#libs/gst';
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
    const packetsId = this.hear((batch: Buffer) => split(batch, packets));
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
