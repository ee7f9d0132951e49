// What the test publisher is asked for, and what it gives.
export interface TestStreamOptions {
  url: string;
  token?: string;
  width?: number;
  height?: number;
  fps?: number;
  kbps?: number;
  gop?: number;
  pattern?: string;
  /** Of the tone, Hz; 0 is silence. */
  frequency?: number;
  video?: boolean;
  audio?: boolean;
  /** Negotiated, but silent until `setSending`. */
  lateVideo?: boolean;
  lateAudio?: boolean;
  codec?: 'H264' | 'VP8' | 'VP9';
  /** H.264 pictures out of order between two that are in order. */
  bframes?: number;
  /** More properties of the H.264 encoder. */
  x264?: Record<string, string | number>;
  /** Changes the video's RTP packets on their way out: those to send for each one. */
  mapPacket?: (packet: Buffer) => Buffer[];
  connectMs?: number;
  /** Send from this one only. */
  localAddress?: string;
  /** Keep the fingerprint of every H.264 picture, for `sent()`. */
  remember?: boolean;
  /** Keep the times of all claps, for `claps()`. */
  claps?: boolean;
  /** Changes the offer before it is sent. */
  mapOffer?: (sdp: string) => string;
  /** Changes the answer before it is used (a relay in between, say). */
  mapAnswer?: (sdp: string) => string | Promise<string>;
}

export interface TestPublisher {
  /** Fingerprints of the pictures given to the payloader so far: what should arrive (`remember`). */
  sent: () => string[];
  /** When the offer was posted (Date.now()). */
  postedAt: number;
  /** The WHIP session's own URL. */
  sessionUrl: string;
  /** The entity tag of its ICE session. */
  etag: string;
  /** Ends the session as a publisher should: DELETE, then nothing more is sent; resolves with the status. */
  stop: () => Promise<number>;
  /** Vanishes without a word. */
  close: () => Promise<void>;
  /** Stops a track without a word, as a muted device may, and lets it go on. */
  setSending: (kind: 'video' | 'audio', sending: boolean) => void;
  /** A white picture and the tone, or a black one and silence: at the same moment (a picture more or less), as when somebody claps. */
  clap: (on: boolean) => void;
  /** When the claps so far began in the picture and in the sound that were sent, ms (`claps`). */
  claps: () => { seen: number[]; heard: number[] };
  /** How often a key frame was asked for (RTCP PLI) so far. */
  keyFrameRequests: () => Promise<number>;
  /** Another picture size from now on, as when a phone is turned. */
  setSize: (width: number, height: number) => void;
}
