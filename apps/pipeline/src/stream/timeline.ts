// What lies on a stream's clock: its frames and their times.

/** Milliseconds of one continuous clock that all sessions of a stream are mapped onto. Fractions are kept until the last moment. */
export type StreamMs = number;

/** Duration of one AAC frame: 1024 samples at 48 kHz. */
export const AAC_FRAME_MS = (1024 / 48_000) * 1000;

export type FrameKind = 'video' | 'audio';

/** One access unit or one AAC frame on the stream's clock, in the shape RTMP carries it. */
export interface Frame {
  kind: FrameKind;
  /** Decoding time. */
  at: StreamMs;
  keyframe: boolean;
  /** RTMP message body (FLV tag data), shared by all outputs and never changed. */
  body: Buffer;
  /** On video: the decoder configuration these frames need; another object than before means it changed. */
  config?: VideoConfig;
}

/** What a platform must know before it can decode the video frames that follow. */
export interface VideoConfig {
  /** AVC sequence header as an RTMP message body. */
  header: Buffer;
  width: number | null;
  height: number | null;
}
