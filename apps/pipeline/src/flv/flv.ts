// The form in which a stream goes from its sessions to its outputs: bodies of RTMP audio and video messages, which are FLV tag data (Adobe FLV specification 10.1, annex E.4).

/** Sound format 10 (AAC); rate, size and type are fixed at 44 kHz, 16 bit, stereo: the AudioSpecificConfig says the truth (E.4.2.1). */
const AAC = 0xaf;
const CODEC_AVC = 7;
/** Bytes before the data of a video message: frame type and codec, packet type, composition time. */
export const AVC_HEAD = 5;
const KEY_FRAME = 1;
const INTER_FRAME = 2;

/** @param config AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1). */
export function aacSequenceHeader(config: Buffer): Buffer {
  return Buffer.concat([Buffer.from([AAC, 0]), config]);
}

/** @param data one raw AAC frame, without ADTS. */
export function aacFrame(data: Buffer): Buffer {
  return Buffer.concat([Buffer.from([AAC, 1]), data]);
}

/** @param record AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.2.4.1). */
export function avcSequenceHeader(record: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(KEY_FRAME << 4) | CODEC_AVC, 0, 0, 0, 0]), record]);
}

/** @param data one access unit of length-prefixed NAL units. @param compositionMs presentation minus decoding time, ms, 24 bits with sign. */
export function avcFrame(data: Buffer, keyframe: boolean, compositionMs: number): Buffer {
  const head = Buffer.from([((keyframe ? KEY_FRAME : INTER_FRAME) << 4) | CODEC_AVC, 1, 0, 0, 0]);
  head.writeIntBE(compositionMs, 2, 3);
  return Buffer.concat([head, data]);
}
