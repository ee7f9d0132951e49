/**
 * From RTP packets to AV1 temporal units, as a decoder takes them (RTP Payload Format For AV1, v1.0.0, Alliance for Open Media;
 * AV1 Bitstream & Decoding Process Specification, section 5.3). GStreamer has an element for it from 1.24 on only.
 */
import { Malformed, MAX_FRAME_BYTES, MAX_FRAME_PIECES } from './bitstream.js';
import { av1Size, requireSize, type Size } from './frame-size.js';
import type { OrderedPacket } from '#libs/rtp';
import { UnitEnd } from './unit-end.js';

/** The aggregation header before the OBU elements of a packet (4.4). */
const CONTINUES = 0x80;
const TO_BE_CONTINUED = 0x40;
const NEW_SEQUENCE = 0x08;
/** An OBU's own header (5.3.2 of the bitstream specification). */
const EXTENDED = 0x04;
const HAS_SIZE = 0x02;
const SEQUENCE_HEADER = 1;
const TEMPORAL_DELIMITER = Buffer.from([0x12, 0]);
/** Not for decoders of a received stream (5): temporal delimiter, tile list, padding. */
const LEFT_OUT = new Set([2, 8, 15]);

/** All frames of one moment. */
export interface TemporalUnit {
  /** Low-overhead bitstream format: every OBU with its size, a temporal delimiter first. */
  data: Buffer;
  /** A new coded video sequence begins: nothing before is needed. */
  keyframe: boolean;
  /** When it was sampled, ms on our clock. */
  time: number;
  /** Of the frames, as far as is known. */
  size: Size | null;
}

/** Takes the packets of one track in the order of their sequence numbers. Throws TooLarge for a sequence whose frames no decoder here should see. */
export class Av1Depayloader {
  /** Something is missing: what follows cannot be decoded until a new sequence begins. True at the beginning, and a key frame should be asked for. */
  isLost = true;
  private sequence: number | null = null;
  private readonly end = new UnitEnd();
  private unit: Omit<TemporalUnit, 'data' | 'size'> = { keyframe: false, time: 0 };
  private size: Size | null = null;
  private obus: Buffer[] = [];
  /** The beginning of an OBU whose rest is in the next packets. */
  private fragments: Buffer[] = [];
  private bytes = 0;
  private pieces = 0;

  get isWaiting(): boolean {
    return this.end.isWaiting;
  }

  /** The temporal units that are complete with this packet: none as a rule, two where the end of one was not marked. */
  push(packet: OrderedPacket): TemporalUnit[] {
    const ahead = this.sequence === null ? 1 : (packet.sequence - this.sequence) & 0xffff;
    const whole = ahead > 1 ? this.flush() : [];
    if (!this.isNext(packet.sequence)) return [];
    // Padding, by which a sender probes its bandwidth: its timestamp and marker say nothing.
    if (packet.payload.length === 0) return whole;
    const before = this.end.next(packet.timestamp, ((packet.payload[0] as number) & NEW_SEQUENCE) !== 0)
      ? this.finish()
      : [];
    try {
      this.take(packet.payload, packet.time);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      this.lose();
    }
    const now = this.end.taken(packet.marker) ? this.finish() : [];
    return [...whole, ...before, ...now];
  }

  /** Nothing has come for a while: what waits is complete. */
  flush(): TemporalUnit[] {
    return this.isWaiting ? this.finish() : [];
  }

  /** False for a packet that came before. After a gap, or where the sender began again, what it belonged to is lost. */
  private isNext(sequence: number): boolean {
    const ahead = this.sequence === null ? 1 : (sequence - this.sequence) & 0xffff;
    if (ahead === 0) return false;
    this.sequence = sequence;
    if (ahead > 1) {
      this.lose();
      this.end.lost();
    }
    return true;
  }

  private lose(): void {
    this.isLost = true;
    this.obus = [];
    this.fragments = [];
  }

  private take(payload: Buffer, time: number): void {
    const header = payload[0] as number;
    if (header & NEW_SEQUENCE) {
      this.lose();
      this.isLost = false;
    }
    if (this.isLost) return;
    if (this.obus.length + this.fragments.length === 0) {
      this.unit = { keyframe: (header & NEW_SEQUENCE) !== 0, time };
      this.bytes = 0;
      this.pieces = 0;
    }
    this.bytes += payload.length;
    if (this.bytes > MAX_FRAME_BYTES) throw new Malformed();
    const elements = splitElements(payload);
    this.pieces += elements.length;
    if (this.pieces > MAX_FRAME_PIECES) throw new Malformed();
    if (((header & CONTINUES) !== 0) !== this.fragments.length > 0) throw new Malformed();
    elements.forEach((element, i) => {
      this.fragments.push(element);
      if (i === elements.length - 1 && header & TO_BE_CONTINUED) return;
      const obu = withSize(this.fragments.length === 1 ? element : Buffer.concat(this.fragments));
      this.fragments = [];
      if (!obu) return;
      this.checkSize(obu);
      this.obus.push(obu);
    });
  }

  private checkSize(obu: Buffer): void {
    const header = obu[0] as number;
    if (((header >> 3) & 0x0f) !== SEQUENCE_HEADER) return;
    const size = av1Size(obu.subarray(readLeb128(obu, header & EXTENDED ? 2 : 1).end));
    // The decoder makes no more of it.
    if (size === null) return;
    requireSize(size);
    this.size = size;
  }

  private finish(): TemporalUnit[] {
    // The end of an OBU is missing though no packet is: the sender's fault.
    if (this.fragments.length > 0) this.lose();
    if (this.obus.length === 0) return [];
    const data = Buffer.concat([TEMPORAL_DELIMITER, ...this.obus]);
    this.obus = [];
    return [{ data, ...this.unit, size: this.size }];
  }
}

/** The OBU elements of a payload: each has its length before it, but for the last one where the header says how many there are. */
function splitElements(payload: Buffer): Buffer[] {
  const count = ((payload[0] as number) >> 4) & 3;
  const elements: Buffer[] = [];
  let at = 1;
  while (at < payload.length) {
    let end = payload.length;
    if (count === 0 || elements.length < count - 1) {
      const length = readLeb128(payload, at);
      at = length.end;
      end = at + length.value;
    }
    if (end > payload.length) throw new Malformed();
    elements.push(payload.subarray(at, end));
    at = end;
  }
  if (elements.length === 0 || (count > 0 && elements.length !== count)) throw new Malformed();
  return elements;
}

/** An OBU with its size in it, which RTP leaves out; null for one that decoders do not need. */
function withSize(obu: Buffer): Buffer | null {
  const header = obu[0];
  if (header === undefined || header & 0x80) throw new Malformed();
  if (LEFT_OUT.has(header >> 3)) return null;
  const body = header & EXTENDED ? 2 : 1;
  if (obu.length < body) throw new Malformed();
  if (header & HAS_SIZE) {
    const size = readLeb128(obu, body);
    if (size.end + size.value > obu.length) throw new Malformed();
    return obu.subarray(0, size.end + size.value);
  }
  return Buffer.concat([
    Buffer.from([header | HAS_SIZE]),
    obu.subarray(1, body),
    leb128(obu.length - body),
    obu.subarray(body),
  ]);
}

/** Seven bits a byte, the lowest first (4.10.5 of the bitstream specification). */
function readLeb128(data: Buffer, start: number): { value: number; end: number } {
  let value = 0;
  // Four bytes hold more than any packet or frame.
  for (let i = 0; i < 4; i += 1) {
    const byte = data[start + i];
    if (byte === undefined) break;
    value += (byte & 0x7f) << (7 * i);
    if (byte < 0x80) return { value, end: start + i + 1 };
  }
  throw new Malformed();
}

function leb128(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest >>= 7;
  } while (rest > 0);
  return Buffer.from(bytes);
}
