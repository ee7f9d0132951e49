// Which slices are of one picture (ITU-T H.264, 7.3.3 and 7.4.1.2.4).
import { Malformed } from '../bitstream.js';
import { BitReader } from './bit-reader.js';
import { type Pps, readSliceStart, type SliceLayout } from './parameter-sets.js';

/** Types of NAL units (table 7-1) and of packets (RFC 6184, 5.2). */
const [SLICE, PARTITION_A, IDR_SLICE, STAP_A, FU_A] = [1, 2, 5, 24, 28];
/** More than all numbers of a slice's header that are read, at their longest, with emulation prevention. */
const HEADER_BYTES = 48;

/** What tells the slices of one frame from those of the next. */
export interface SliceHeader {
  firstMacroblock: number;
  ppsId: number;
  isIdr: boolean;
  isReference: boolean;
  /** Null where the parameter sets are not known, or the header is cut off. */
  order: SliceOrder | null;
}

interface SliceOrder {
  frameNum: number;
  /** null: of a frame, else of a top (0) or bottom (1) field. */
  field: number | null;
  idrPicId: number | null;
  /** pic_order_cnt_lsb and delta_pic_order_cnt_bottom, or the two delta_pic_order_cnt. */
  counts: string;
  /** redundant_pic_cnt: above 0 it repeats what another slice of the frame shows. */
  redundant: number;
}

/** The slice that a packet begins, if it does: its NAL unit's header byte, and the first bytes after that. An aggregate's first one. */
export function sliceIn(payload: Buffer): { header: number; data: Buffer } | null {
  const first = payload[0] ?? 0;
  const type = first & 0x1f;
  if (type === FU_A) {
    const flags = payload[1] ?? 0;
    return (flags & 0x80) !== 0 ? sliceOf((first & 0xe0) | (flags & 0x1f), payload.subarray(2)) : null;
  }
  if (type !== STAP_A) return sliceOf(first, payload.subarray(1));
  for (let at = 1; at + 2 < payload.length; at += 2 + payload.readUInt16BE(at)) {
    const found = sliceOf(payload[at + 2] as number, payload.subarray(at + 3, at + 2 + payload.readUInt16BE(at)));
    if (found) return found;
  }
  return null;
}

function sliceOf(header: number, rest: Buffer): { header: number; data: Buffer } | null {
  const type = header & 0x1f;
  return type === SLICE || type === PARTITION_A || type === IDR_SLICE
    ? { header, data: rest.subarray(0, HEADER_BYTES) }
    : null;
}

/** @param header the NAL unit's first byte. @param data what follows. @param setsOf the parameter sets that a slice refers to. Null for what is no slice. */
export function parseSliceHeader(
  header: number,
  data: Buffer,
  setsOf: (ppsId: number) => { pps: Pps; layout: SliceLayout } | null,
): SliceHeader | null {
  const bits = new BitReader(data, 0);
  const isIdr = (header & 0x1f) === IDR_SLICE;
  const start = orNull(() => readSliceStart(bits));
  if (start === null) return null;
  const sets = setsOf(start.ppsId);
  const order = sets && orNull(() => readOrder(bits, sets, isIdr));
  return { ...start, isIdr, isReference: (header & 0x60) !== 0, order };
}

function readOrder(bits: BitReader, { pps, layout }: { pps: Pps; layout: SliceLayout }, isIdr: boolean): SliceOrder {
  if (layout.hasPlanes) bits.bits(2);
  const frameNum = bits.bits(layout.frameNumBits);
  const isField = !layout.framesOnly && bits.bit() === 1;
  const field = isField ? bits.bit() : null;
  const idrPicId = isIdr ? bits.unsigned(65_535) : null;
  const counts: number[] = [];
  if (layout.type === 0) counts.push(bits.bits(layout.lsbBits));
  else if (layout.type === 1 && !layout.isDeltaZero) counts.push(bits.signed());
  if (counts.length > 0 && pps.hasBottomOrder && !isField) counts.push(bits.signed());
  return { frameNum, field, idrPicId, counts: counts.join(), redundant: pps.hasRedundant ? bits.unsigned(127) : 0 };
}

/**
 * Whether a slice begins another frame than the slice before it belongs to: by 7.4.1.2.4, but that the second field stays with the first
 * one (one frame is one sample in FLV). Where the headers cannot be read, a frame begins with its first macroblock.
 * @param hasFirst a slice of the frame has that macroblock: again, it is another's.
 */
export function beginsFrame(before: SliceHeader, slice: SliceHeader, hasFirst: boolean): boolean {
  const [a, b] = [before.order, slice.order];
  const repeatsFirst = slice.firstMacroblock === 0 && hasFirst;
  if (a === null || b === null) return repeatsFirst;
  if (b.redundant > 0) return false;
  if (a.frameNum !== b.frameNum || (a.field === null) !== (b.field === null)) return true;
  // The second field of a frame: that of an IDR picture is none itself, and its order count is another.
  if (a.field !== b.field) return false;
  if (before.isIdr !== slice.isIdr || before.isReference !== slice.isReference) return true;
  return a.idrPicId !== b.idrPicId || a.counts !== b.counts || repeatsFirst;
}

function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof Malformed) return null;
    throw error;
  }
}
