// NAL units: their types, and their bytes as they came in packets.
import { Malformed } from '../bitstream.js';

/** Types of NAL units (ITU-T H.264, table 7-1), and of packets that hold several or a part of one (RFC 6184, 5.2). */
export const NAL_TYPE = {
  slice: 1,
  partitionA: 2,
  idrSlice: 5,
  sei: 6,
  sps: 7,
  pps: 8,
  delimiter: 9,
  spsExtension: 13,
  subsetSps: 15,
  last: 23,
  stapA: 24,
  fuA: 28,
} as const;

/** A NAL unit, whole or as far as it came. */
export interface Nal {
  header: number;
  /** In which it came; what is not of the unit stands before `from` in each. */
  pieces: Buffer[];
  /** 0: the header is in the (only) piece. 2: after a fragment's two bytes; the header is in no piece. */
  from: 0 | 2;
  /** With the header. */
  bytes: number;
}

/** The type of a NAL unit or of a packet, from its first byte. */
export const typeOf = (header: number): number => header & 0x1f;

/** RFC 6184, 5.7.1: each unit has its length in two bytes before it. */
export function splitAggregate(payload: Buffer): Buffer[] {
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

/** Copies the unit's bytes, header included, to `data` from `start` on; returns where they end. */
export function write({ header, pieces, from }: Nal, data: Buffer, start: number): number {
  let at = from === 0 ? start : data.writeUInt8(header, start);
  for (const piece of pieces) at += piece.copy(data, at, from);
  return at;
}

/** The whole unit in one piece; a copy only where it came in several. */
export function contiguous(nal: Nal): Buffer {
  const [first] = nal.pieces;
  if (nal.from === 0 && first) return first;
  const data = Buffer.allocUnsafe(nal.bytes);
  write(nal, data, 0);
  return data;
}

/** The first bytes after the header, `max` at most: from one piece where they are in one, as nearly always. */
export function payloadOf(nal: Nal, max: number): Buffer {
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
