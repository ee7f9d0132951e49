import { Element, GstObject } from './gst.js';
import { type IceHalf, native } from './native.js';

/** Of libnice (NiceComponentState), in its order. */
const STATES = ['disconnected', 'gathering', 'connecting', 'connected', 'ready', 'failed'] as const;
export type IceState = (typeof STATES)[number];

/** A libnice agent. */
export class IceAgent extends GstObject {
  /** The agent of a webrtcbin. */
  static of(webrtcbin: Element): IceAgent {
    return new IceAgent(webrtcbin.child('ice-agent').child('agent').handle);
  }

  /** Offers only addresses named so. */
  addLocalAddress(address: string): void {
    native.addLocalAddress(this.handle, address);
  }
}

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

/**
 * ICE and SRTP of one session (RFC 8445, RFC 3711). The DTLS records that come with them go to an appsrc, for GStreamer's DTLS
 * elements to make the keys. Must be closed.
 */
export class MediaTransport extends IceAgent {
  private readonly stream: number;

  /** @param dtls appsrc that takes the peer's DTLS records. */
  constructor(dtls: Element, listener: PacketListener) {
    super(native.makeIceAgent());
    const id = this.hear((batch: Buffer) => split(batch, listener));
    this.stream = native.openTransport(this.handle, id, dtls.handle);
  }

  /** Finds our candidates; resolves with our half when they are complete, or with what there is after `deadlineMs`. Rejects when no port is free. */
  async gather(lowestPort: number, highestPort: number, deadlineMs: number): Promise<IceHalf> {
    const done = new Promise<void>((resolve) => {
      this.on('candidate-gathering-done', () => resolve());
      setTimeout(resolve, deadlineMs).unref();
    });
    native.gather(this.handle, this.stream, lowestPort, highestPort);
    await done;
    return native.iceHalf(this.handle, this.stream);
  }

  onState(listener: (state: IceState) => void): void {
    this.on('component-state-changed', (_stream: number, _component: number, state: number) => listener(STATES[state] ?? 'disconnected'));
  }

  setPeer(ufrag: string, pwd: string): void {
    native.setIcePeer(this.handle, this.stream, ufrag, pwd);
  }

  /** Takes a candidate of the peer's (`a=candidate:...`); false when it is not understood. */
  addCandidate(line: string): boolean {
    return native.addIceCandidate(this.handle, this.stream, line);
  }

  /** ICE restart: takes the peer's new credentials, gives our new half. Media goes on meanwhile. */
  restart(ufrag: string, pwd: string): IceHalf {
    return native.restartIce(this.handle, this.stream, ufrag, pwd);
  }

  /** Room in the kernel for what the process has not read yet; of the sockets that are there after gathering. The kernel gives less where its limit is lower. */
  setReceiveBuffer(bytes: number): void {
    native.setReceiveBuffer(this.handle, this.stream, bytes);
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
  for (let at = 0; at < batch.length; ) {
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
