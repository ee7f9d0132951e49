// From RTP packets to H.264 pictures as FLV and MP4 carry them (RFC 6184; ITU-T H.264; ISO/IEC 14496-15).
import type { OrderedPacket } from '../../rtp/types.js';
import { Malformed, MAX_PICTURE_BYTES, MAX_PICTURE_PIECES } from '../bitstream.js';
import { type DecoderConfig, ParameterSets } from './decoder-config.js';
import { MarkerTrust } from '../marker-trust.js';
import { parseSliceStart } from './parameter-sets.js';
import { beginsPicture, parseSliceHeader, type SliceHeader, sliceIn } from './slice-header.js';

/** Types of NAL units (ITU-T H.264, table 7-1), and of packets that hold several or a part of one (RFC 6184, 5.2). */
const SLICE = 1;
const PARTITION_A = 2;
const IDR_SLICE = 5;
const SEI = 6;
const SPS = 7;
const PPS = 8;
const DELIMITER = 9;
const SPS_EXTENSION = 13;
const SUBSET_SPS = 15;
const LAST_NAL_TYPE = 23;
const STAP_A = 24;
const FU_A = 28;
/** Neither pictures nor about them: delimiters repeat what the container says, the others are for alpha and further layers. */
const LEFT_OUT = new Set([DELIMITER, SPS_EXTENSION, SUBSET_SPS]);
/** payloadType of the SEI message that marks where decoding can begin without an IDR picture (annex D.1.8). */
const RECOVERY_POINT = 6;
/** Of an SEI unit, so much is searched for it: what comes before is short, but for an encoder's list of its options. */
const MAX_SEI_BYTES = 4096;
/** A slice's first three numbers, with whatever emulation prevention is between them. */
const SLICE_START_BYTES = 16;

export interface AccessUnit {
  /** NAL units, each with its length in four bytes before it (AVC). Without parameter sets and delimiters; SEI and filler are kept. */
  data: Buffer;
  /** Decoding can begin here: an IDR picture, or a recovery point (of periodic intra refresh: what is seen is whole some pictures later). */
  keyframe: boolean;
  /** When it was sampled, ms on our clock: that of its first packet. */
  time: number;
  /** Present when it is another than before (and with the first picture): what this and the following pictures need. */
  config?: DecoderConfig;
}

/** A NAL unit, whole or as far as it came. */
interface Nal {
  header: number;
  /** In which it came; what is not of the unit stands before `from` in each. */
  pieces: Buffer[];
  /** 0: the header is in the (only) piece. 2: after a fragment's two bytes; the header is in no piece. */
  from: 0 | 2;
  /** With the header. */
  bytes: number;
}

/** The picture whose packets are coming in. */
interface Unit {
  timestamp: number;
  time: number;
  nals: Nal[];
  /** Its fragments are coming in. */
  open: Nal | null;
  bytes: number;
  pieces: number;
  /** No packet is missing before its first. */
  isHeadKnown: boolean;
  /** Damaged, or cannot be decoded: what still comes of it is passed over. */
  isUseless: boolean;
  hasSps: boolean;
  isRecoveryPoint: boolean;
  /** A slice has come. */
  hasBegun: boolean;
  isKeyframe: boolean;
  config: DecoderConfig | null;
  /** Its latest slice whose header was at hand. */
  slice: SliceHeader | null;
  /** A slice with its first macroblock has come. */
  hasFirst: boolean;
  /** The first of the units that came after its latest slice, of `nals`: they are of the next picture, if another begins with the same timestamp. */
  tailFrom: number;
  /** A sequence parameter set has come after its latest slice. */
  tailHasSps: boolean;
  /** A packet with the marker came: it is complete, if this sender is to be believed. */
  isMarked: boolean;
}

/** Takes the packets of one track in the order of their sequence numbers. Throws nothing but TooLarge, for pictures that no decoder here should see. */
export class H264Depayloader {
  private readonly sets = new ParameterSets();
  private lost = true;
  private sequence: number | null = null;
  private isAfterGap = false;
  private unit: Unit | null = null;
  /** The picture before, where its marker ended it. */
  private ended: Unit | null = null;
  private readonly trust = new MarkerTrust();
  private deliveredConfig: DecoderConfig | null = null;
  /** The last key frame came with its parameter sets. */
  private keysBringSets = false;

  /** @param fmtp format parameters of the offer; `sprop-parameter-sets` (RFC 6184, 8.1) may hold the first parameter sets. */
  constructor(fmtp: string) {
    const value = /(?:^|[;\s])sprop-parameter-sets\s*=\s*([^;\s]*)/i.exec(fmtp)?.[1] ?? '';
    for (const encoded of value.split(',')) {
      const nal = Buffer.from(encoded, 'base64');
      this.guarded(() => this.takeSet(nal, (nal[0] ?? 0) & 0x1f));
    }
  }

  /** Pictures cannot be decoded until a key frame comes: at the beginning, and after a loss. A key frame should be asked for. False from the key frame's first slice on. */
  get isLost(): boolean {
    return this.lost;
  }

  /** Sequence and picture parameter sets have come, or stood in the offer. */
  get hasParameterSets(): boolean {
    return this.sets.hasSome;
  }

  /** A picture is complete if its sender sets markers as it should, which is not known yet: `flush` gives it out. */
  get isWaiting(): boolean {
    return this.unit !== null && this.unit.isMarked && this.trust.isUnknown;
  }

  /** The pictures that are complete with this packet: none as a rule, two where the end of one was not marked. */
  push(packet: OrderedPacket): AccessUnit[] {
    const ahead = this.sequence === null ? 1 : (packet.sequence - this.sequence) & 0xffff;
    if (ahead === 0) return [];
    this.sequence = packet.sequence;
    // What was marked is whole as far as is known.
    const whole = ahead === 1 ? null : this.flush();
    if (ahead !== 1) {
      this.isAfterGap = true;
      this.lose();
    }
    // Only probes the bandwidth: its timestamp and marker say nothing.
    if (packet.payload.length === 0) return whole ? [whole] : [];
    const before = this.endBefore(packet);
    const unit = (this.unit ??= newUnit(packet, !this.isAfterGap));
    this.isAfterGap = false;
    this.guarded(() => this.take(unit, packet.payload));
    this.note(unit, packet);
    const now = unit.isMarked && this.trust.isBelieved ? this.finishMarked() : null;
    return [whole, before, now].filter((picture) => picture !== null);
  }

  /** Nothing has come for a while: what waits is complete. */
  flush(): AccessUnit | null {
    return this.isWaiting ? this.finishMarked() : null;
  }

  /** Ends the picture before this packet, if the packet is not of it: by its timestamp, or where slices of another begin with the same one. */
  private endBefore(packet: OrderedPacket): AccessUnit | null {
    const { unit, ended } = this;
    if (ended !== null && ended.timestamp !== packet.timestamp) {
      this.trust.confirm();
      this.ended = null;
    }
    if (unit !== null && unit.timestamp !== packet.timestamp) {
      if (unit.isMarked) this.trust.confirm();
      return this.finish();
    }
    const known = unit?.slice ? unit : (this.ended ?? unit);
    const slice = known?.slice && !unit?.open ? this.sliceOf(packet.payload) : null;
    if (!known?.slice || slice === null) return null;
    const begins = beginsPicture(known.slice, slice, known.hasFirst);
    if (!begins && known.isMarked) this.trust.refute();
    return begins && unit?.hasBegun ? this.split(unit, packet) : null;
  }

  private sliceOf(payload: Buffer): SliceHeader | null {
    const found = sliceIn(payload);
    return found && parseSliceHeader(found.header, found.data, (ppsId) => this.sets.layoutFor(ppsId));
  }

  /** What came after its last slice is of the next picture. */
  private split(unit: Unit, packet: OrderedPacket): AccessUnit | null {
    if (unit.isMarked) this.trust.confirm();
    const tail = unit.isUseless ? [] : unit.nals.splice(unit.tailFrom);
    const picture = this.finish();
    const next = newUnit(packet, true);
    next.nals = tail;
    next.hasSps = unit.tailHasSps;
    next.isRecoveryPoint = tail.some((nal) => (nal.header & 0x1f) === SEI && hasRecoveryPoint(payloadOf(nal, MAX_SEI_BYTES)));
    this.unit = next;
    return picture;
  }

  /** What the packet says of the picture, now that its parameter sets are known. */
  private note(unit: Unit, { payload, marker }: OrderedPacket): void {
    const slice = this.sliceOf(payload);
    if (slice !== null) {
      unit.slice = slice;
      unit.hasFirst ||= slice.firstMacroblock === 0;
    }
    // Some senders mark the end of the parameter sets, too, and some every fragment.
    unit.isMarked = marker && unit.open === null && (unit.hasBegun || unit.isUseless);
  }

  private finishMarked(): AccessUnit | null {
    const { unit } = this;
    const picture = this.finish();
    this.ended = unit;
    if (unit) unit.nals = [];
    return picture;
  }

  private guarded(take: () => void): void {
    try {
      take();
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      this.lose();
    }
  }

  private lose(): void {
    this.lost = true;
    if (this.unit) discard(this.unit);
  }

  private finish(): AccessUnit | null {
    const { unit } = this;
    // The end of a NAL unit is missing though no packet is: the sender's fault.
    if (unit?.open) this.lose();
    this.unit = null;
    if (unit === null || unit.isUseless || !unit.hasBegun || unit.config === null) return null;
    const picture: AccessUnit = { data: join(unit), keyframe: unit.isKeyframe, time: unit.time };
    if (unit.config !== this.deliveredConfig) picture.config = unit.config;
    this.deliveredConfig = unit.config;
    return picture;
  }

  private take(unit: Unit, payload: Buffer): void {
    if (unit.isUseless) return;
    const header = payload[0] as number;
    // The forbidden bit: somebody on the way found errors.
    if (header & 0x80) throw new Malformed();
    const type = header & 0x1f;
    if (type === FU_A) this.takeFragment(unit, payload);
    else if (type === STAP_A) for (const nal of splitAggregate(payload)) this.takeWhole(unit, nal);
    else if (type <= LAST_NAL_TYPE) this.takeWhole(unit, payload);
    // Other packetizations are not negotiated.
  }

  private takeWhole(unit: Unit, data: Buffer): void {
    const header = data[0] as number;
    const type = header & 0x1f;
    if (unit.open || header & 0x80) throw new Malformed();
    if (unit.isUseless || type === 0 || type > LAST_NAL_TYPE) return;
    this.complete(unit, add(unit, { header, pieces: [], from: 0, bytes: 0 }, data));
  }

  /** RFC 6184, 5.8. */
  private takeFragment(unit: Unit, payload: Buffer): void {
    const flags = payload[1];
    if (flags === undefined) throw new Malformed();
    const header = ((payload[0] as number) & 0xe0) | (flags & 0x1f);
    const type = header & 0x1f;
    const isStart = (flags & 0x80) !== 0;
    if (type === 0 || type > LAST_NAL_TYPE || isStart === (unit.open !== null)) throw new Malformed();
    const nal = (unit.open ??= { header, pieces: [], from: 2, bytes: 1 });
    if ((nal.header & 0x1f) !== type) throw new Malformed();
    add(unit, nal, payload);
    if (flags & 0x40) {
      unit.open = null;
      this.complete(unit, nal);
    } else if (nal.bytes > SLICE_START_BYTES) {
      this.begin(unit, nal);
    }
  }

  private complete(unit: Unit, nal: Nal): void {
    const type = nal.header & 0x1f;
    if (type === SPS || type === PPS) {
      this.takeSet(contiguous(nal), type);
      unit.hasSps ||= type === SPS;
      unit.tailHasSps ||= type === SPS;
      return;
    }
    if (LEFT_OUT.has(type)) return;
    if (type === SEI && !unit.hasBegun) unit.isRecoveryPoint ||= hasRecoveryPoint(payloadOf(nal, MAX_SEI_BYTES));
    this.begin(unit, nal);
    if (unit.isUseless) return;
    unit.nals.push(nal);
    if (type > IDR_SLICE) return;
    unit.tailFrom = unit.nals.length;
    unit.tailHasSps = false;
  }

  private takeSet(nal: Buffer, type: number): void {
    if (type === SPS) this.sets.takeSps(nal);
    else if (type === PPS) this.sets.takePps(nal);
  }

  /** With the picture's first slice it shows whether it can be decoded. */
  private begin(unit: Unit, nal: Nal): void {
    const type = nal.header & 0x1f;
    if (unit.hasBegun || (type !== SLICE && type !== PARTITION_A && type !== IDR_SLICE)) return;
    const { firstMacroblock, ppsId } = parseSliceStart(payloadOf(nal, SLICE_START_BYTES));
    unit.hasBegun = true;
    unit.isKeyframe = firstMacroblock === 0 && (type === IDR_SLICE || unit.isRecoveryPoint);
    // After a gap, a key frame without sets is trusted only where its like came without them: else they may be what is missing, and new.
    const canEnter = unit.isKeyframe && (unit.isHeadKnown || unit.hasSps || !this.keysBringSets);
    if (this.lost && !canEnter) return discard(unit);
    unit.config = this.sets.configFor(ppsId, unit.isKeyframe);
    if (unit.config === null) return this.lose();
    this.lost = false;
    if (unit.isKeyframe) this.keysBringSets = unit.hasSps;
  }
}

function newUnit({ timestamp, time }: OrderedPacket, isHeadKnown: boolean): Unit {
  const nothing = { isUseless: false, hasSps: false, isRecoveryPoint: false, hasBegun: false, isKeyframe: false };
  const noSlice = { slice: null, hasFirst: false, tailFrom: 0, tailHasSps: false, isMarked: false };
  return { timestamp, time, nals: [], open: null, bytes: 0, pieces: 0, isHeadKnown, ...nothing, config: null, ...noSlice };
}

function discard(unit: Unit): void {
  unit.isUseless = true;
  unit.nals = [];
  unit.open = null;
}

function add(unit: Unit, nal: Nal, piece: Buffer): Nal {
  const bytes = piece.length - nal.from;
  unit.bytes += bytes;
  unit.pieces += 1;
  if (unit.bytes > MAX_PICTURE_BYTES || unit.pieces > MAX_PICTURE_PIECES) throw new Malformed();
  nal.pieces.push(piece);
  nal.bytes += bytes;
  return nal;
}

/** RFC 6184, 5.7.1: each unit has its length in two bytes before it. */
function splitAggregate(payload: Buffer): Buffer[] {
  const nals: Buffer[] = [];
  let at = 1;
  while (at < payload.length) {
    if (at + 2 > payload.length) throw new Malformed();
    const end = at + 2 + payload.readUInt16BE(at);
    if (end === at + 2 || end > payload.length) throw new Malformed();
    nals.push(payload.subarray(at + 2, end));
    at = end;
  }
  if (nals.length === 0) throw new Malformed();
  return nals;
}

/** The one copy of a picture's bytes. */
function join({ nals }: Unit): Buffer {
  let total = 0;
  for (const { bytes } of nals) total += 4 + bytes;
  const data = Buffer.allocUnsafe(total);
  let at = 0;
  for (const nal of nals) {
    at = data.writeUInt32BE(nal.bytes, at);
    at = write(nal, data, at);
  }
  return data;
}

function write({ header, pieces, from }: Nal, data: Buffer, start: number): number {
  let at = from === 0 ? start : data.writeUInt8(header, start);
  for (const piece of pieces) at += piece.copy(data, at, from);
  return at;
}

function contiguous(nal: Nal): Buffer {
  const [first] = nal.pieces;
  if (nal.from === 0 && first) return first;
  const data = Buffer.allocUnsafe(nal.bytes);
  write(nal, data, 0);
  return data;
}

/** The first bytes after the header, `max` at most: from one piece where they are in one, as nearly always. */
function payloadOf(nal: Nal, max: number): Buffer {
  const start = nal.from === 0 ? 1 : 2;
  const [first] = nal.pieces;
  if (first && (nal.pieces.length === 1 || first.length >= start + max)) return first.subarray(start, start + max);
  const parts: Buffer[] = [];
  let bytes = 0;
  for (const piece of nal.pieces) {
    if (bytes >= max) break;
    parts.push(piece.subarray(start));
    bytes += piece.length - start;
  }
  return Buffer.concat(parts).subarray(0, max);
}

/** Whether one of the messages of an SEI unit is a recovery point (7.3.2.3.1). What is not as it should be has none: decoders pass over it as well. */
function hasRecoveryPoint(payload: Buffer): boolean {
  let at = 0;
  const number = (): number => {
    let sum = 0;
    while (payload[at] === 0xff) {
      sum += 0xff;
      at += 1;
    }
    sum += payload[at] ?? 0;
    at += 1;
    return sum;
  };
  // The last byte is the stop bit.
  while (at < payload.length - 1) {
    const type = number();
    const size = number();
    if (type === RECOVERY_POINT) return size > 0;
    // Emulation prevention makes a message longer than it says: one byte for each three bytes at most.
    for (let left = size, zeros = 0; left > 0 && at < payload.length; at += 1) {
      const byte = payload[at] as number;
      const isPrevention = zeros >= 2 && byte === 3;
      zeros = byte === 0 ? zeros + 1 : 0;
      if (!isPrevention) left -= 1;
    }
  }
  return false;
}
