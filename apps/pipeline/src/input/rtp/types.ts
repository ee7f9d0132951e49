import type { Track } from '#libs/sdp';

/** One codec of a publisher's session, as offer and answer agreed on it. */
export type TrackFormat = Track;

/** A packet in its place: those of one track come in the order in which they were sent, each once. */
export interface OrderedPacket {
  /** 16 bits. */
  sequence: number;
  /** RTP time, 32 bits, in units of the format's clock rate. */
  timestamp: number;
  marker: boolean;
  /** Without header, extensions and padding. The receiver of the packet may keep it. Empty where a sender only probes its bandwidth. */
  payload: Buffer;
  /** When it was sampled, on our clock (performance.now()), ms: smooth, and comparable between the tracks of a session. */
  time: number;
}
