import type { OrderedPacket } from '#libs/rtp';
import { Malformed, MAX_FRAME_BYTES, MAX_FRAME_PIECES } from '../bitstream.js';
import type { DecoderConfig } from './decoder-config.js';
import { type Nal, write } from './nal-unit.js';
import type { SliceHeader } from './slice-header.js';

/** A frame that is complete, as FLV and MP4 carry it (ISO/IEC 14496-15). */
export interface AccessUnit {
  /** NAL units, each with its length in four bytes before it (AVC). Without parameter sets and delimiters; SEI and filler are kept. */
  data: Buffer;
  /** Decoding can begin here: an IDR picture, or a recovery point (of periodic intra refresh: what is seen is whole some frames later). */
  keyframe: boolean;
  /** When it was sampled, ms on our clock: that of its first packet. */
  time: number;
  /** Present when it is another than before (and with the first frame): what this and the following frames need. */
  config?: DecoderConfig;
}

/** The frame whose packets are coming in. */
export interface Unit {
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
  /** The first of the units that came after its latest slice, of `nals`: they are of the next frame, if another begins with the same timestamp. */
  tailFrom: number;
  /** A sequence parameter set has come after its latest slice. */
  tailHasSps: boolean;
  /** A packet with the marker came: it is complete, if this sender is to be believed. */
  isMarked: boolean;
}

export function newUnit({ timestamp, time }: OrderedPacket, isHeadKnown: boolean): Unit {
  const nothing = { isUseless: false, hasSps: false, isRecoveryPoint: false, hasBegun: false, isKeyframe: false };
  const noSlice = { slice: null, hasFirst: false, tailFrom: 0, tailHasSps: false, isMarked: false };
  return {
    timestamp,
    time,
    nals: [],
    open: null,
    bytes: 0,
    pieces: 0,
    isHeadKnown,
    ...nothing,
    config: null,
    ...noSlice,
  };
}

/** What has come of it is of no use, nor what still comes. */
export function discard(unit: Unit): void {
  unit.isUseless = true;
  unit.nals = [];
  unit.open = null;
}

/** Adds bytes that came for `nal`, one of the unit's. Throws Malformed when the unit becomes too large. */
export function add(unit: Unit, nal: Nal, piece: Buffer): Nal {
  const bytes = piece.length - nal.from;
  unit.bytes += bytes;
  unit.pieces += 1;
  if (unit.bytes > MAX_FRAME_BYTES || unit.pieces > MAX_FRAME_PIECES) throw new Malformed();
  nal.pieces.push(piece);
  nal.bytes += bytes;
  return nal;
}

/** The one copy of a frame's bytes. */
export function join({ nals }: Unit): Buffer {
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
