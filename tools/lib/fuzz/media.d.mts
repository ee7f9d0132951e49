export interface FuzzReport {
  seed: number;
  seconds: number;
  sessions: number;
  packets: number;
  samples: number;
  tooLarge: number;
  errors: number;
  /** Sessions over a connection that got as far as media, and those whose handshake ended before. */
  connected: number;
  notConnected: number;
  /** Sent beside the media of those. */
  datagrams: number;
  /** What passed the authentication. */
  rtpArrived: number;
  rtcpArrived: number;
  maxRssMb: number;
}
/** Pushes changed packets through the built pipeline code for so long, half of the sessions over connections of loopback. Rejects with what it threw. */
export function fuzzMedia(options: {
  seconds: number;
  seed: number;
  codec?: string | null;
  onProgress?: (line: string) => void;
}): Promise<FuzzReport>;
