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
}

/** What a worker answers to a publisher. */
export interface PublishAnswer {
  sdp: string;
}

/** Requests that a node serves over the Wire, with what it takes and gives. */
export interface NodeOps {
  /** A new session for a stream that this node already runs (reconnect or takeover). */
  publish: { in: { streamId: string; sessionId: string }; out: PublishAnswer };
  /** Trickled remote candidates: an SDP fragment (RFC 8840). */
  candidates: { in: { sessionId: string; fragment: string }; out: Record<string, never> };
  /** ICE restart: the publisher's new credentials in, ours out, both as SDP fragments. */
  restartIce: { in: { sessionId: string; fragment: string }; out: { fragment: string } };
  endSession: { in: { sessionId: string; reason: string }; out: Record<string, never> };
  endStream: { in: { streamId: string; reason: string }; out: Record<string, never> };
  /** The stream's transfer rows changed: read them again. */
  syncTransfers: { in: { streamId: string }; out: Record<string, never> };
  /** Attempt now what waits for its next attempt. */
  retryTransfer: { in: { streamId: string; transferId: string }; out: Record<string, never> };
}
export type NodeOp = keyof NodeOps;
