// What a decoder must know before the first frame (ITU-T H.264, 7.3.2): parsed, and in the record that FLV and MP4 carry it in.
import { Malformed } from '../bitstream.js';
import { BitReader } from './bit-reader.js';

/** Profiles whose sequence parameter sets tell of chroma format, bit depths and scaling lists (7.3.2.1.1). */
const HIGH_PROFILES = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]);
/** Baseline, Main and Extended: their records end without chroma format and bit depths (ISO/IEC 14496-15, 5.3.3.1.2). */
const LOW_PROFILES = new Set([66, 77, 88]);
const MACROBLOCK = 16;
/** In macroblocks: the square root of eight times the 139,264 of level 6.2 (A.3.1). */
const MAX_SIDE = 1055;
const MAX_CODE = 2 ** 32 - 2;
/** max_num_ref_frames is no larger than MaxDpbFrames, which is 16 at most (A.3.1). */
const MAX_REFERENCES = 16;
const MAX_SPS_ID = 31;
const MAX_PPS_ID = 255;

/** What is of use in a sequence parameter set. */
export interface Sps {
  id: number;
  profile: number;
  /** constraint_set flags, as they stand in the byte. */
  constraints: number;
  /** Ten times the level's number. */
  level: number;
  /** chroma_format_idc: 0 monochrome, 1 is 4:2:0, 2 is 4:2:2, 3 is 4:4:4. */
  chromaFormat: number;
  bitDepthLuma: number;
  bitDepthChroma: number;
  /** Of the frames as they are shown, in pixels. */
  width: number;
  height: number;
  /** Of the whole coded frame, before cropping. */
  macroblocks: number;
  /** max_num_ref_frames: so many decoded frames are kept. */
  references: number;
  order: SliceLayout;
}

/** What a sequence parameter set says about the headers of slices (7.3.3). */
export interface SliceLayout {
  /** separate_colour_plane_flag. */
  hasPlanes: boolean;
  frameNumBits: number;
  /** pic_order_cnt_type. */
  type: number;
  /** Of pic_order_cnt_lsb, in type 0. */
  lsbBits: number;
  /** delta_pic_order_always_zero_flag, in type 1. */
  isDeltaZero: boolean;
  /** frame_mbs_only_flag: no slice says whether it is of a field. */
  framesOnly: boolean;
}

/** What is of use in a picture parameter set. */
export interface Pps {
  id: number;
  spsId: number;
  /** bottom_field_pic_order_in_frame_present_flag. */
  hasBottomOrder: boolean;
  /** redundant_pic_cnt_present_flag. */
  hasRedundant: boolean;
}

/** @param nal a sequence parameter set with its NAL unit header. Null for what is none, or is larger than any level allows. */
export function parseSps(nal: Buffer): Sps | null {
  return orNull(() => readSps(nal));
}

/** What a picture parameter set (7.3.2.2) says of itself and of the headers of slices. Null for what is none. */
export function parsePps(nal: Buffer): Pps | null {
  return orNull(() => {
    const bits = new BitReader(nal, 1);
    const [id, spsId] = [bits.unsigned(MAX_PPS_ID), bits.unsigned(MAX_SPS_ID)];
    // The kind of entropy coding.
    bits.bit();
    return { id, spsId, hasBottomOrder: bits.bit() === 1, hasRedundant: orNull(() => readHasRedundant(bits)) ?? false };
  });
}

/** What lies between: slice groups, numbers of references, weights, quantization, deblocking. */
function readHasRedundant(bits: BitReader): boolean {
  const groups = bits.unsigned(7);
  if (groups > 0) skipSliceGroups(bits, groups);
  bits.unsigned(31);
  bits.unsigned(31);
  bits.bits(3);
  bits.signed();
  bits.signed();
  bits.signed();
  bits.bits(2);
  return bits.bit() === 1;
}

function skipSliceGroups(bits: BitReader, groups: number): void {
  const type = bits.unsigned(6);
  if (type === 0) for (let i = 0; i <= groups; i += 1) bits.unsigned(MAX_CODE);
  if (type === 2) for (let i = 0; i < 2 * groups; i += 1) bits.unsigned(MAX_CODE);
  if (type >= 3 && type <= 5) {
    bits.bit();
    bits.unsigned(MAX_CODE);
  }
  if (type < 6) return;
  const units = bits.unsigned(MAX_SIDE * MAX_SIDE);
  for (let i = 0; i <= units; i += 1) bits.bits(Math.ceil(Math.log2(groups + 1)));
}

/** What comes first in every slice (7.3.3). @param data a slice's first bytes, without its NAL unit header. Throws Malformed. */
export function parseSliceStart(data: Buffer): { firstMacroblock: number; ppsId: number } {
  return readSliceStart(new BitReader(data, 0));
}

/** As parseSliceStart; leaves the reader behind what it has read. */
export function readSliceStart(bits: BitReader): { firstMacroblock: number; ppsId: number } {
  const firstMacroblock = bits.unsigned(MAX_SIDE * MAX_SIDE);
  // The slice's type.
  bits.unsigned(9);
  return { firstMacroblock, ppsId: bits.unsigned(MAX_PPS_ID) };
}

/** Up to 31 sequence and 255 picture parameter sets fit. All come with their NAL unit headers. */
export function decoderConfigurationRecord(sps: readonly [Buffer, ...Buffer[]], pps: readonly Buffer[]): Buffer {
  const [first] = sps;
  const parts = [
    Buffer.from([1, first[1] ?? 0, first[2] ?? 0, first[3] ?? 0, 0xff, 0xe0 | sps.length]),
    ...sps.flatMap(withLength),
  ];
  parts.push(Buffer.from([pps.length]), ...pps.flatMap(withLength));
  const parsed = LOW_PROFILES.has(first[1] ?? 0) ? null : parseSps(first);
  // No sequence parameter set extensions: they describe auxiliary pictures (alpha), which no platform shows.
  if (parsed)
    parts.push(
      Buffer.from([
        0xfc | parsed.chromaFormat,
        0xf8 | (parsed.bitDepthLuma - 8),
        0xf8 | (parsed.bitDepthChroma - 8),
        0,
      ]),
    );
  return Buffer.concat(parts);
}

function withLength(nal: Buffer): Buffer[] {
  return [Buffer.from([nal.length >> 8, nal.length & 0xff]), nal];
}

function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof Malformed) return null;
    throw error;
  }
}

function readSps(nal: Buffer): Sps {
  const bits = new BitReader(nal, 1);
  const [profile, constraints, level] = [bits.bits(8), bits.bits(8), bits.bits(8)];
  const id = bits.unsigned(MAX_SPS_ID);
  const format = HIGH_PROFILES.has(profile)
    ? readFormat(bits)
    : { chromaFormat: 1, bitDepthLuma: 8, bitDepthChroma: 8, isSeparate: false };
  const order = readOrder(bits);
  const references = bits.unsigned(MAX_REFERENCES);
  // Whether gaps in frame_num are allowed.
  bits.bit();
  const { width, height, macroblocks, framesOnly } = readSize(bits, format.isSeparate ? 0 : format.chromaFormat);
  const { chromaFormat, bitDepthLuma, bitDepthChroma } = format;
  const sizes = { width, height, macroblocks, references };
  return {
    id,
    profile,
    constraints,
    level,
    chromaFormat,
    bitDepthLuma,
    bitDepthChroma,
    ...sizes,
    order: { ...order, hasPlanes: format.isSeparate, framesOnly },
  };
}

function readFormat(
  bits: BitReader,
): Pick<Sps, 'chromaFormat' | 'bitDepthLuma' | 'bitDepthChroma'> & { isSeparate: boolean } {
  const chromaFormat = bits.unsigned(3);
  const isSeparate = chromaFormat === 3 && bits.bit() === 1;
  const bitDepthLuma = 8 + bits.unsigned(6);
  const bitDepthChroma = 8 + bits.unsigned(6);
  bits.bit();
  const lists = bits.bit() === 0 ? 0 : chromaFormat === 3 ? 12 : 8;
  for (let i = 0; i < lists; i += 1) if (bits.bit() === 1) skipScalingList(bits, i < 6 ? 16 : 64);
  return { chromaFormat, bitDepthLuma, bitDepthChroma, isSeparate };
}

/** 7.3.2.1.1.1. */
function skipScalingList(bits: BitReader, size: number): void {
  let last = 8;
  for (let i = 0; i < size; i += 1) {
    last = (last + bits.signed() + 256) & 0xff;
    // The rest of the list repeats the last one: no more codes follow.
    if (last === 0) return;
  }
}

/** Of frame numbers and picture order counts. */
function readOrder(bits: BitReader): Pick<SliceLayout, 'frameNumBits' | 'type' | 'lsbBits' | 'isDeltaZero'> {
  const frameNumBits = 4 + bits.unsigned(12);
  const type = bits.unsigned(2);
  const lsbBits = type === 0 ? 4 + bits.unsigned(12) : 0;
  if (type !== 1) return { frameNumBits, type, lsbBits, isDeltaZero: false };
  const isDeltaZero = bits.bit() === 1;
  bits.signed();
  bits.signed();
  const offsets = bits.unsigned(255);
  for (let i = 0; i < offsets; i += 1) bits.signed();
  return { frameNumBits, type, lsbBits, isDeltaZero };
}

/** @param chroma ChromaArrayType: what cropping is counted in depends on it (table 6-1, equations 7-19 to 7-22). */
function readSize(
  bits: BitReader,
  chroma: number,
): { width: number; height: number; macroblocks: number; framesOnly: boolean } {
  const columns = 1 + bits.unsigned(MAX_SIDE - 1);
  const rows = 1 + bits.unsigned(MAX_SIDE - 1);
  // Of an interlaced stream the height is that of a field.
  const fields = 2 - bits.bit();
  if (fields === 2) bits.bit();
  bits.bit();
  const isCropped = bits.bit() === 1;
  const [left, right, top, bottom] = isCropped
    ? [bits.unsigned(MAX_CODE), bits.unsigned(MAX_CODE), bits.unsigned(MAX_CODE), bits.unsigned(MAX_CODE)]
    : [0, 0, 0, 0];
  const width = columns * MACROBLOCK - (chroma === 1 || chroma === 2 ? 2 : 1) * (left + right);
  const height = fields * (rows * MACROBLOCK - (chroma === 1 ? 2 : 1) * (top + bottom));
  if (width <= 0 || height <= 0) throw new Malformed();
  return { width, height, macroblocks: columns * rows * fields, framesOnly: fields === 1 };
}
