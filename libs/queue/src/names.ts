/** Jobs carry ids only: job data lies in Redis in clear text, and a second copy of a row can disagree with it. */
export const STREAMS_QUEUE = 'streams';
export const CALLBACKS_QUEUE = 'callbacks';

/** A publisher waits for an answer; job id = session id. The job is short: claim, answer, done. */
export interface StreamJob {
  streamId: string;
  sessionId: string;
  /** Wire channel of the API instance that waits; the reply's id is the session id. */
  replyTo: string;
}

/** Ask the customer's server where a stream shall go; job id = stream id. */
export interface CallbackJob {
  streamId: string;
  /** Asked for by hand: once, and also when the stream has its answer already. */
  isReplay?: boolean;
}

/** What a worker answers to a publisher. */
export interface PublishAnswer {
  sdp: string;
}

/** How far a node came with a platform. */
export interface ProbeResult {
  /** Reason code of the failure; null: the platform accepted the publish. */
  code: string | null;
  detail: string | null;
  ms: number;
}

/** Requests that a node serves over the Wire, with what it takes and gives. */
export interface NodeOps {
  /** A new session for a stream that this node already runs (reconnect or takeover). */
  publish: { in: { streamId: string; sessionId: string }; out: PublishAnswer };
  /** ICE restart: the publisher's new credentials in, ours out, both as SDP fragments. */
  restartIce: { in: { sessionId: string; fragment: string }; out: { fragment: string } };
  endSession: { in: { sessionId: string; reason: string }; out: Record<string, never> };
  endStream: { in: { streamId: string; reason: string }; out: Record<string, never> };
  /** The stream's transfer rows changed: read them again. */
  syncTransfers: { in: { streamId: string }; out: Record<string, never> };
  /** Attempt now what waits for its next attempt. */
  retryTransfer: { in: { streamId: string; transferId: string }; out: Record<string, never> };
  /** The stream's latest key picture, at most 320 pixels wide: JPEG in base64; null without video. A few seconds old at most by the node's doing. */
  thumbnail: { in: { streamId: string }; out: { jpeg: string | null } };
  /** Connects to a platform up to the accepted publish, and hangs up. `url` is sealed with the context `probe`. */
  probeTransfer: { in: { url: string; options: object }; out: ProbeResult };
}
export type NodeOp = keyof NodeOps;
