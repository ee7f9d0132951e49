// Where the decoding of a track can begin, as far as one packet shows it.
import { beginsVp8Keyframe, beginsVp9Keyframe } from './vpx.js';

/** Types of NAL units (ITU-T H.264, table 7-1) and of packets (RFC 6184, 5.2). */
const [IDR_SLICE, SPS, PPS, STAP_A, FU_A] = [5, 7, 8, 24, 28];
/** N of the aggregation header (RTP Payload Format For AV1, 4.4): a new coded video sequence begins. */
const NEW_SEQUENCE = 0x08;

/** Whether a packet brings parameter sets or begins a key frame, by its payload format. False for audio: each of its packets would. */
export function isEntryPoint(codec: string, payload: Buffer): boolean {
  if (codec === 'H264') return isH264EntryPoint(payload);
  if (codec === 'VP8') return beginsVp8Keyframe(payload);
  if (codec === 'VP9') return beginsVp9Keyframe(payload);
  return codec === 'AV1' && ((payload[0] ?? 0) & NEW_SEQUENCE) !== 0;
}

function isH264EntryPoint(payload: Buffer): boolean {
  const type = (payload[0] ?? 0) & 0x1f;
  // Only the fragment with the start bit begins a unit.
  if (type === FU_A) return ((payload[1] ?? 0) & 0x80) !== 0 && isEntryNal(payload[1] as number);
  if (type !== STAP_A) return isEntryNal(type);
  for (let at = 1; at + 2 < payload.length; at += 2 + payload.readUInt16BE(at))
    if (isEntryNal(payload[at + 2] as number)) return true;
  return false;
}

function isEntryNal(header: number): boolean {
  const type = header & 0x1f;
  return type === IDR_SLICE || type === SPS || type === PPS;
}
