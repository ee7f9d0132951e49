// How large a frame is, by its header: before any decoder makes room for it.

/** In pixels: of the largest frame of H.264 level 5.2 (36,864 macroblocks: ITU-T H.264, table A-1), 4096 x 2304. No platform takes larger ones. */
const MAX_PIXELS = 36_864 * 256;
/** A frame that is one pixel high is no frame, and encoders make whole macroblocks of it. */
const MAX_SIDE = 8192;
/** MaxDpbMbs of level 5.2: the frames that a decoder keeps, in macroblocks. */
const MAX_KEPT_MACROBLOCKS = 184_320;
/** A key frame's header of VP8: tag, start code, width and height. */
const VP8_HEADER_BYTES = 10;
/** VP9: CS_RGB of color_space. */
const RGB = 7;

export interface Size {
  width: number;
  height: number;
}

/** The frames of a publisher would take more memory than a stream is given. The message tells their size. */
export class TooLarge extends Error {}

/** Throws TooLarge. @param kept macroblocks of all frames that a decoder of H.264 would keep. */
export function requireSize({ width, height }: Size, kept = 0): void {
  if (width * height > MAX_PIXELS || Math.max(width, height) > MAX_SIDE)
    throw new TooLarge(`pictures of ${width} x ${height}`);
  if (kept > MAX_KEPT_MACROBLOCKS)
    throw new TooLarge(`pictures of ${width} x ${height}, of which too many are referred to`);
}

/** Of a key frame of VP8 (RFC 6386, section 9.1); null for other frames, and for what is none. */
export function vp8Size(frame: Buffer): Size | null {
  if (frame.length < VP8_HEADER_BYTES || ((frame[0] as number) & 1) !== 0 || frame.readUIntBE(3, 3) !== 0x9d012a)
    return null;
  // The upper two bits of each ask the player to scale it up.
  return { width: frame.readUInt16LE(6) & 0x3fff, height: frame.readUInt16LE(8) & 0x3fff };
}

/** Of a VP9 frame that does not take its size from others (VP9 Bitstream Specification, 6.2 and 7.2); null for those that do, and for what is none. */
export function vp9Size(frame: Buffer): Size | null {
  return readable(frame, (read) => {
    if (read(2) !== 2) return null;
    const profile = read(1) + 2 * read(1);
    if (profile === 3) read(1);
    // Shows a frame that is there already.
    if (read(1) === 1) return null;
    const [isKey, isShown, isResilient] = [read(1) === 0, read(1) === 1, read(1) === 1];
    if (isKey) {
      if (read(24) !== 0x498342) return null;
      skipColour(read, profile);
      return vp9FrameSize(read);
    }
    const isIntra = !isShown && read(1) === 1;
    if (!isResilient) read(2);
    if (isIntra) {
      if (read(24) !== 0x498342) return null;
      if (profile > 0) skipColour(read, profile);
      read(8);
      return vp9FrameSize(read);
    }
    // Which frames are replaced, and three that are referred to, each with its sign.
    read(8 + 12);
    for (let i = 0; i < 3; i += 1) if (read(1) === 1) return null;
    return vp9FrameSize(read);
  });
}

/** The largest size that an AV1 sequence header allows its frames (AV1 Bitstream & Decoding Process Specification, 5.5). @param obu what follows its header and size. */
export function av1Size(obu: Buffer): Size | null {
  return readable(obu, (read) => {
    read(3 + 1);
    if (read(1) === 1) read(5);
    else skipOperatingPoints(read);
    const [widthBits, heightBits] = [read(4) + 1, read(4) + 1];
    return { width: read(widthBits) + 1, height: read(heightBits) + 1 };
  });
}

type Read = (bits: number) => number;

const vp9FrameSize = (read: Read): Size => ({ width: read(16) + 1, height: read(16) + 1 });

function skipColour(read: Read, profile: number): void {
  if (profile >= 2) read(1);
  const isRgb = read(3) === RGB;
  const hasSampling = profile === 1 || profile === 3;
  if (!isRgb) read(hasSampling ? 4 : 1);
  else if (hasSampling) read(1);
}

function skipOperatingPoints(read: Read): void {
  let delayBits = 0;
  if (read(1) === 1) {
    read(32);
    read(32);
    // equal_picture_interval, then num_ticks_per_picture_minus_1 (uvlc).
    if (read(1) === 1) {
      let zeros = 0;
      while (zeros < 32 && read(1) === 0) zeros += 1;
      read(zeros);
    }
    if (read(1) === 1) {
      delayBits = read(5) + 1;
      read(32);
      read(10);
    }
  }
  const hasDisplayDelay = read(1) === 1;
  const points = read(5) + 1;
  for (let i = 0; i < points; i += 1) {
    read(12);
    if (read(5) > 7) read(1);
    if (delayBits > 0 && read(1) === 1) {
      read(delayBits);
      read(delayBits);
      read(1);
    }
    if (hasDisplayDelay && read(1) === 1) read(4);
  }
}

class Ended extends Error {}

/** Null where the data ends too soon. */
function readable(data: Buffer, read: (bits: Read) => Size | null): Size | null {
  let at = 0;
  try {
    return read((count) => {
      let value = 0;
      for (let i = 0; i < count; i += 1, at += 1) {
        const byte = data[at >> 3];
        if (byte === undefined) throw new Ended();
        value = value * 2 + ((byte >> (7 - (at & 7))) & 1);
      }
      return value;
    });
  } catch (error) {
    if (error instanceof Ended) return null;
    throw error;
  }
}
