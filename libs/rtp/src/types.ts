/** One codec of a publisher's session, as offer and answer agreed on it. */
export interface RtpFormat {
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

export interface ReceiverSettings {
  /** Ids of the header extensions (RFC 8285); null where not negotiated. */
  midExtension: number | null;
  transportCcExtension: number | null;
  /** Feedback without a report before it (RFC 5506) was negotiated. */
  reducedSize: boolean;
}

/** Called after the packets of a call have been taken, in the order in which it came about. */
export interface ReceiverEvents<Format extends RtpFormat> {
  onPacket: (format: Format, packet: OrderedPacket) => void;
  /** Packets of this track were given up; between those that came before and after. */
  onLost: (format: Format, count: number) => void;
  /** An RTCP packet for the publisher, still to be encrypted. */
  send: (rtcp: Buffer) => void;
}

export interface ReceiverFigures {
  /**
   * What the network lost of all tracks, in total: expected minus received (RFC 3550, A.3). Retransmissions are packets of their own
   * (RFC 4588), so what was mended counts as well; webrtcbin's `packets-lost` is the same.
   */
  packetsLost: number;
  /** Of the track that has most (RFC 3550, A.8); null before the first packet. */
  jitterMs: number | null;
  /** To the publisher and back; null until it answered a report or sent a packet again. */
  roundTripMs: number | null;
  /** Of all RTP packets of the tracks, with headers and retransmissions, in total. */
  bytes: number;
  /** Of the last packet of any track that was not sent again, as `now` was; null before the first. */
  lastArrival: number | null;
}
