/** One codec of a publisher's session, as offer and answer agreed on it. */
export interface TrackFormat {
  kind: 'video' | 'audio';
  /** Upper case, as in SDP: H264, VP8, OPUS... */
  codec: string;
  payloadType: number;
  /** Of its retransmissions (RFC 4588); null when none was negotiated. */
  rtxPayloadType: number | null;
  clockRate: number;
  /** The m-section's identification (RFC 9143). */
  mid: string;
  /** Lost packets may be asked for (RFC 4585). */
  nack: boolean;
  /** The codec's format parameters in the offer: what stands behind the payload type in `a=fmtp`. */
  fmtp: string;
}

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
