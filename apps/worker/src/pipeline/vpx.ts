/** Whether a packet begins a key frame of VP8 (RFC 7741) or VP9 (RFC 9628): by the payload descriptor, as the pictures are another's business. */

const X = 0x80;

export function beginsVp8Keyframe(payload: Buffer): boolean {
  const first = payload[0];
  // S: the start of a partition, and of the first (PID 0).
  if (first === undefined || (first & 0x1f) !== 0x10) return false;
  let at = 1;
  if (first & X) {
    const present = payload[at++] ?? 0;
    // I: PictureID, of two bytes where its first bit is set; L; T or K.
    if (present & 0x80) at += (payload[at] ?? 0) & 0x80 ? 2 : 1;
    if (present & 0x40) at += 1;
    if (present & 0x30) at += 1;
  }
  // P of the frame tag (RFC 6386, section 9.1): 0 for key frames.
  const tag = payload[at];
  return tag !== undefined && (tag & 1) === 0;
}

export function beginsVp9Keyframe(payload: Buffer): boolean {
  // P: predicted from another picture; B: the start of a frame. Where layers are (L), the lowest spatial one begins a picture.
  const first = payload[0];
  if (first === undefined || (first & 0x48) !== 0x08) return false;
  if (!(first & 0x20)) return true;
  let at = 1;
  if (first & X) at += (payload[at] ?? 0) & 0x80 ? 2 : 1;
  const layers = payload[at];
  return layers !== undefined && (layers & 0x0e) === 0;
}
