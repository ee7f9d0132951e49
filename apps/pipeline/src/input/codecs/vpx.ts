/** The payload descriptors of VP8 (RFC 7741) and VP9 (RFC 9628), and whether a packet begins a key frame. */
import type { VpxPayload } from './vpx-depayloader.js';

const X = 0x80;

/** Null where the descriptor is cut off. */
export function vp8Payload(payload: Buffer): VpxPayload | null {
  const first = payload[0] ?? 0;
  let at = 1;
  if (first & X) {
    const present = payload[at++] ?? 0;
    // I: PictureID, of two bytes where its first bit is set; L; T or K.
    if (present & 0x80) at += (payload[at] ?? 0) & 0x80 ? 2 : 1;
    if (present & 0x40) at += 1;
    if (present & 0x30) at += 1;
  }
  // S: the start of a partition, and of the first (PID 0).
  return at > payload.length ? null : { at, begins: (first & 0x17) === 0x10 };
}

export function beginsVp8Keyframe(payload: Buffer): boolean {
  const found = vp8Payload(payload);
  // P of the frame tag (RFC 6386, section 9.1): 0 for key frames.
  const tag = found?.begins ? payload[found.at] : undefined;
  return tag !== undefined && (tag & 1) === 0;
}

/** Null where the descriptor is cut off. */
export function vp9Payload(payload: Buffer): VpxPayload | null {
  const first = payload[0] ?? 0;
  let at = 1;
  // I: PictureID, of two bytes where its first bit is set.
  if (first & X) at += (payload[at] ?? 0) & 0x80 ? 2 : 1;
  // L: layer indices, and TL0PICIDX unless the mode is flexible (F).
  if (first & 0x20) at += first & 0x10 ? 1 : 2;
  // F and P: up to three references, each but the last with its lowest bit set.
  if ((first & 0x50) === 0x50) for (let i = 0; i < 3 && ((payload[at++] ?? 0) & 1) !== 0; i += 1);
  if (first & 0x02) at = afterStructure(payload, at);
  return at > payload.length ? null : { at, begins: (first & 0x08) !== 0 };
}

/** V: the scalability structure (RFC 9628, 4.2.1). */
function afterStructure(payload: Buffer, start: number): number {
  const head = payload[start] ?? 0;
  // N_S + 1 layers, whose sizes follow where Y is set; G: descriptions of N_G frames.
  let at = start + 1 + (head & 0x10 ? 4 * ((head >> 5) + 1) : 0);
  if (!(head & 0x08)) return at;
  const frames = payload[at++] ?? 0;
  for (let i = 0; i < frames; i += 1) at += 1 + (((payload[at] ?? 0) >> 2) & 3);
  return at;
}

export function beginsVp9Keyframe(payload: Buffer): boolean {
  // P: predicted from another frame; B: the start of a frame. Where layers are (L), the lowest spatial one begins a frame.
  const first = payload[0];
  if (first === undefined || (first & 0x48) !== 0x08) return false;
  if (!(first & 0x20)) return true;
  let at = 1;
  if (first & X) at += (payload[at] ?? 0) & 0x80 ? 2 : 1;
  const layers = payload[at];
  return layers !== undefined && (layers & 0x0e) === 0;
}
