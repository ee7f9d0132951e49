// Several VP9 frames in one buffer (VP9 Bitstream & Decoding Process Specification, Annex B): their sizes stand at its end.

/** So many an index can tell of. */
export const MAX_FRAMES = 8;
const MARKER = 0xc0;
const MARKER_MASK = 0xe0;

/** The frames that a decoder would take from this buffer: one where it has no index; null where the index tells of more than there is. */
export function framesOf(data: Buffer): Buffer[] | null {
  if (data.length === 0) return [];
  const last = data[data.length - 1] as number;
  const count = (last & 7) + 1;
  const sizeBytes = ((last >> 3) & 3) + 1;
  const index = data.length - (2 + count * sizeBytes);
  if ((last & MARKER_MASK) !== MARKER || index < 0 || data[index] !== last) return [data];
  const frames: Buffer[] = [];
  let at = 0;
  for (let i = 0; i < count; i += 1) {
    const size = data.readUIntLE(index + 1 + i * sizeBytes, sizeBytes);
    if (at + size > index) return null;
    if (size > 0) frames.push(data.subarray(at, at + size));
    at += size;
  }
  return frames;
}

/** The same frames, followed by an index of them: without one, libvpx takes whatever stands behind a frame's end for another frame. At most MAX_FRAMES, none empty. */
export function withIndex(frames: Buffer[]): Buffer[] {
  const longest = Math.max(...frames.map(({ length }) => length));
  const sizeBytes = longest > 0xff_ffff ? 4 : longest > 0xffff ? 3 : longest > 0xff ? 2 : 1;
  const index = Buffer.alloc(2 + frames.length * sizeBytes, MARKER | ((sizeBytes - 1) << 3) | (frames.length - 1));
  frames.forEach(({ length }, i) => index.writeUIntLE(length, 1 + i * sizeBytes, sizeBytes));
  return [...frames, index];
}
