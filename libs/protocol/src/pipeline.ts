import type { TransferOptions, TransferTarget } from '#libs/transfer';

/**
 * What a worker and a pipeline process say to each other: one JSON object a line over a Unix socket that the pipeline
 * listens on (`<RUN_DIR>/<uuid>.sock`, directory mode 0700). Operations (operations.ts) are `{id, op, body}`, answered by
 * `{re: id, result}` or `{re: id, error: {code, message}}`. The pipeline does not depend on the worker's life: it goes on
 * when the connection closes, and tells its whole state to the next worker that connects (`hello`).
 */

/** The pipeline of one stream, as configured once by `claim`. */
export interface Claim {
  streamId: string;
  epoch: number;
}

/** What the node's environment says; sent with the claim, so that a pipeline process reads no environment of its own. */
export interface PipelineSettings {
  reconnectWindowMs: number;
  mediaTimeoutMs: number;
  /** 0: never ask. */
  keyFrameIntervalMs: number;
  /** A claimed pipeline that no worker is connected to ends after this. (An unclaimed one exits at once.) */
  orphanTimeoutMs: number;
  /** ICE host addresses; empty: every local one. */
  mediaAddresses: string[];
  mediaPortMin: number;
  mediaPortMax: number;
  stunServer: string | null;
  /** ALLOWED_PRIVATE_HOSTS, as written. */
  allowedPrivateHosts: string;
  /** Folder of the project's sound files. */
  mediaDir: string;
}

/** An output that is to exist. The whole URL, stream key included, crosses only this socket, taken apart. */
export interface WantedTransfer {
  id: string;
  target: TransferTarget;
  /** The same as text, for an adopted pipeline of the version before, which takes it apart itself. */
  url: string;
  options: TransferOptions;
}

export type TransferStateName = 'pending' | 'connecting' | 'live' | 'reconnecting' | 'paused' | 'ended' | 'failed';

export interface TransferStatus {
  id: string;
  state: TransferStateName;
  /** Reason code of libs/transfer, when there is something to say. */
  reason: string | null;
  /** A sentence without secrets. */
  detail: string | null;
  attempts: number;
  /** ISO time. */
  nextRetryAt: string | null;
  liveAt: string | null;
  /** The last ones, with the end of a transfer that was removed from a stream which goes on. */
  figures?: TransferFigures;
}

export interface TransferFigures {
  bytesSent: number;
  /** As the platform acknowledges in RTMP; null where it does not, or counts in a way of its own. A hint: nothing is decided by it. */
  bytesAcked: number | null;
  /** Payload bits per second over the last interval. */
  bitrate: number;
  fps: number;
  videoFrames: number;
  audioFrames: number;
  droppedFrames: number;
  queuedBytes: number;
  /** Stream time that waits to be sent. */
  queuedMs: number;
  reconnects: number;
  /** A sound that was to be played once has been. */
  soundIsOver: boolean;
  /** Time for which the platform was being sent to, in all. */
  liveMs: number;
}

export interface InputFigures {
  bitrate: number;
  fps: number;
  width: number | null;
  height: number | null;
  videoCodec: string | null;
  audioCodec: string | null;
  /** Why the video is encoded again for every platform: a codec that RTMP does not carry, or B-frames. */
  transcoded: 'codec' | 'b_frames' | null;
  keyFrameIntervalMs: number | null;
  packetsLost: number;
  jitterMs: number | null;
  /** To the publisher and back; null until it answered a report, or sent a packet again. */
  rttMs: number | null;
  /** How much later audio arrives than video of the same time; negative when earlier. */
  avSkewMs: number | null;
}

export type InputState = 'waiting' | 'connecting' | 'live' | 'lost';

export interface Snapshot {
  pid: number;
  claim: Claim | null;
  sessionId: string | null;
  input: InputState;
  transfers: TransferStatus[];
  /** Reason code of what the session that feeds the stream lacks. */
  problem: string | null;
  /** Ways of confinement that this machine does not allow. */
  unconfined?: string[];
}

/** What a pipeline measures of its input and of each output. The last ones come with its end. */
export interface Figures {
  input: InputFigures;
  transfers: Record<string, TransferFigures>;
}

/** Events, pipeline to worker: `{event, body}`. */
export interface PipelineEvents {
  /** First line of every connection. */
  hello: Snapshot;
  /** Media of the session: `connecting` after the answer, `live` with the first media, `lost` when it stopped coming. */
  input: { sessionId: string; state: InputState; reason: string | null };
  /** A session's connection is gone for good, and the stream goes on. What `input` takes over from is not told once more. */
  sessionOver: { sessionId: string; reason: string };
  /** Something of the live session's media does not come, or cannot be decoded: a reason code; null: no more. */
  problem: { sessionId: string; reason: string | null };
  transfer: TransferStatus;
  figures: Figures;
  /** The stream is over by the pipeline's own decision (publisher gone and the window passed); it exits after this. */
  ended: { reason: string; detail?: string | null; final: Figures | null };
  log: { level: 'debug' | 'info' | 'warn' | 'error'; message: string; fields?: Record<string, unknown> };
}
