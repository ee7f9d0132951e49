// From RTP packets to H.264 frames as FLV and MP4 carry them (RFC 6184; ITU-T H.264; ISO/IEC 14496-15).
import type { OrderedPacket } from '#libs/rtp';
import { type AccessUnit, add, discard, join, newUnit, type Unit } from './access-unit.js';
import { Malformed } from '../bitstream.js';
import { type DecoderConfig, ParameterSets } from './decoder-config.js';
import { MarkerTrust } from '../marker-trust.js';
import { contiguous, type Nal, NAL_TYPE, payloadOf, splitAggregate, typeOf } from './nal-unit.js';
import { parseSliceStart } from './parameter-sets.js';
import { isRecoveryPoint } from './recovery-point.js';
import { beginsFrame, parseSliceHeader, type SliceHeader, sliceIn } from './slice-header.js';

/** Neither frames nor about them: delimiters repeat what the container says, the others are for alpha and further layers. */
const LEFT_OUT = new Set<number>([NAL_TYPE.delimiter, NAL_TYPE.spsExtension, NAL_TYPE.subsetSps]);
/** A slice's first three numbers, with whatever emulation prevention is between them. */
const SLICE_START_BYTES = 16;

/** Takes the packets of one track in the order of their sequence numbers. Throws nothing but TooLarge, for frames that no decoder here should see. */
export class H264Depayloader {
  private readonly sets = new ParameterSets();
  private lost = true;
  private sequence: number | null = null;
  private isAfterGap = false;
  private unit: Unit | null = null;
  /** The frame before, where its marker ended it. */
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
      this.guarded(() => this.takeSet(nal, typeOf(nal[0] ?? 0)));
    }
  }

  /** Frames cannot be decoded until a key frame comes: at the beginning, and after a loss. A key frame should be asked for. False from the key frame's first slice on. */
  get isLost(): boolean {
    return this.lost;
  }

  /** Sequence and picture parameter sets have come, or stood in the offer. */
  get hasParameterSets(): boolean {
    return this.sets.hasSome;
  }

  /** A frame is complete if its sender sets markers as it should, which is not known yet: `flush` gives it out. */
  get isWaiting(): boolean {
    return this.unit !== null && this.unit.isMarked && this.trust.isUnknown;
  }

  /** The frames that are complete with this packet: none as a rule, two where the end of one was not marked. */
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
    return [whole, before, now].filter((frame) => frame !== null);
  }

  /** Nothing has come for a while: what waits is complete. */
  flush(): AccessUnit | null {
    return this.isWaiting ? this.finishMarked() : null;
  }

  /** Ends the frame before this packet, if the packet is not of it: by its timestamp, or where slices of another begin with the same one. */
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
    const begins = beginsFrame(known.slice, slice, known.hasFirst);
    if (!begins && known.isMarked) this.trust.refute();
    return begins && unit?.hasBegun ? this.split(unit, packet) : null;
  }

  private sliceOf(payload: Buffer): SliceHeader | null {
    const found = sliceIn(payload);
    return found && parseSliceHeader(found.header, found.data, (ppsId) => this.sets.layoutFor(ppsId));
  }

  /** What came after its last slice is of the next frame. */
  private split(unit: Unit, packet: OrderedPacket): AccessUnit | null {
    if (unit.isMarked) this.trust.confirm();
    const tail = unit.isUseless ? [] : unit.nals.splice(unit.tailFrom);
    const frame = this.finish();
    const next = newUnit(packet, true);
    next.nals = tail;
    next.hasSps = unit.tailHasSps;
    next.isRecoveryPoint = tail.some((nal) => isRecoveryPoint(nal));
    this.unit = next;
    return frame;
  }

  /** What the packet says of the frame, now that its parameter sets are known. */
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
    const frame = this.finish();
    this.ended = unit;
    if (unit) unit.nals = [];
    return frame;
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
    const frame: AccessUnit = { data: join(unit), keyframe: unit.isKeyframe, time: unit.time };
    if (unit.config !== this.deliveredConfig) frame.config = unit.config;
    this.deliveredConfig = unit.config;
    return frame;
  }

  private take(unit: Unit, payload: Buffer): void {
    if (unit.isUseless) return;
    const header = payload[0] as number;
    // The forbidden bit: somebody on the way found errors.
    if (header & 0x80) throw new Malformed();
    const type = typeOf(header);
    if (type === NAL_TYPE.fuA) this.takeFragment(unit, payload);
    else if (type === NAL_TYPE.stapA) for (const nal of splitAggregate(payload)) this.takeWhole(unit, nal);
    else if (type <= NAL_TYPE.last) this.takeWhole(unit, payload);
    // Other packetizations are not negotiated.
  }

  private takeWhole(unit: Unit, data: Buffer): void {
    const header = data[0] as number;
    const type = typeOf(header);
    if (unit.open || header & 0x80) throw new Malformed();
    if (unit.isUseless || type === 0 || type > NAL_TYPE.last) return;
    this.complete(unit, add(unit, { header, pieces: [], from: 0, bytes: 0 }, data));
  }

  /** RFC 6184, 5.8. */
  private takeFragment(unit: Unit, payload: Buffer): void {
    const flags = payload[1];
    if (flags === undefined) throw new Malformed();
    const header = ((payload[0] as number) & 0xe0) | (flags & 0x1f);
    const type = typeOf(header);
    const isStart = (flags & 0x80) !== 0;
    if (type === 0 || type > NAL_TYPE.last || isStart === (unit.open !== null)) throw new Malformed();
    const nal = (unit.open ??= { header, pieces: [], from: 2, bytes: 1 });
    if (typeOf(nal.header) !== type) throw new Malformed();
    add(unit, nal, payload);
    if (flags & 0x40) {
      unit.open = null;
      this.complete(unit, nal);
    } else if (nal.bytes > SLICE_START_BYTES) {
      this.begin(unit, nal);
    }
  }

  private complete(unit: Unit, nal: Nal): void {
    const type = typeOf(nal.header);
    if (type === NAL_TYPE.sps || type === NAL_TYPE.pps) {
      this.takeSet(contiguous(nal), type);
      unit.hasSps ||= type === NAL_TYPE.sps;
      unit.tailHasSps ||= type === NAL_TYPE.sps;
      return;
    }
    if (LEFT_OUT.has(type)) return;
    if (!unit.hasBegun) unit.isRecoveryPoint ||= isRecoveryPoint(nal);
    this.begin(unit, nal);
    if (unit.isUseless) return;
    unit.nals.push(nal);
    if (type > NAL_TYPE.idrSlice) return;
    unit.tailFrom = unit.nals.length;
    unit.tailHasSps = false;
  }

  private takeSet(nal: Buffer, type: number): void {
    if (type === NAL_TYPE.sps) this.sets.takeSps(nal);
    else if (type === NAL_TYPE.pps) this.sets.takePps(nal);
  }

  /** With the frame's first slice it shows whether it can be decoded. */
  private begin(unit: Unit, nal: Nal): void {
    const type = typeOf(nal.header);
    if (unit.hasBegun || (type !== NAL_TYPE.slice && type !== NAL_TYPE.partitionA && type !== NAL_TYPE.idrSlice))
      return;
    const { firstMacroblock, ppsId } = parseSliceStart(payloadOf(nal, SLICE_START_BYTES));
    unit.hasBegun = true;
    unit.isKeyframe = firstMacroblock === 0 && (type === NAL_TYPE.idrSlice || unit.isRecoveryPoint);
    // After a gap, a key frame without sets is trusted only where its like came without them: else they may be what is missing, and new.
    const canEnter = unit.isKeyframe && (unit.isHeadKnown || unit.hasSps || !this.keysBringSets);
    if (this.lost && !canEnter) return discard(unit);
    unit.config = this.sets.configFor(ppsId, unit.isKeyframe);
    if (unit.config === null) return this.lose();
    this.lost = false;
    if (unit.isKeyframe) this.keysBringSets = unit.hasSps;
  }
}
