import type { TransferOptions, TransferTarget } from '#libs/transfer';
import type { Claim, Figures, PipelineSettings, Snapshot, WantedTransfer } from './pipeline.js';

/**
 * Where an operation is served, and what its body says besides its own fields:
 * - `node`: by the worker, asked by the API over Redis.
 * - `stream`, `session`: by a pipeline. The API asks the node, which passes the body on to the pipeline that runs the body's
 *   `streamId`, or the stream that the body's `sessionId` feeds. The worker may ask as well.
 * - `pipeline`: by a pipeline, asked by its worker alone.
 */
export type Route = 'node' | 'stream' | 'session' | 'pipeline';

interface Operation<R extends Route, In, Out> {
  route: R;
  /** For the compiler alone. */
  types?: (body: In) => Out;
}

const node = <In, Out = void>(): Operation<'node', In, Out> => ({ route: 'node' });
const stream = <In, Out = void>(): Operation<'stream', In & { streamId: string }, Out> => ({ route: 'stream' });
const session = <In, Out = void>(): Operation<'session', In & { sessionId: string }, Out> => ({ route: 'session' });
const pipeline = <In, Out = void>(): Operation<'pipeline', In, Out> => ({ route: 'pipeline' });

type Nothing = Record<never, never>;

/**
 * Every operation between processes. A new one that goes through to the pipeline is a line here and a method of that name in
 * `StreamPipeline`; all between pass it on.
 */
export const OPERATIONS = {
  /** Whether the node is there. */
  ping: node<Nothing>(),
  /** A new session of a stream that the node runs already (reconnect or takeover): its offer is in its row. */
  publish: node<{ streamId: string; sessionId: string }, PublishAnswer>(),
  endStream: node<{ streamId: string; reason: string }>(),
  /** The stream's transfer rows have changed: read them again. */
  syncTransfers: node<{ streamId: string }>(),
  /** Connects to a platform up to the accepted publish, and hangs up. `url` is sealed with the context `probe`. */
  probeTransfer: node<{ url: string; options: object }, ProbeResult>(),

  /** ICE restart: the publisher's new credentials in, ours out, both as SDP fragments. */
  restartIce: session<{ fragment: string }, { fragment: string }>(),
  /** The publisher left on purpose: no reconnect window. */
  endSession: session<{ reason: string }>(),
  /** Attempts now what waits for its next attempt. */
  retryTransfer: stream<{ transferId: string }>(),
  /** The latest key frame, at most 320 pixels wide: JPEG in base64; null without video. */
  thumbnail: stream<Nothing, { jpeg: string | null }>(),

  /** Binds a fresh (warm) process to a stream. */
  claim: pipeline<Claim & { settings: PipelineSettings }>(),
  /** A publisher's offer; the session that feeds the stream now goes on until the new one brings media. `endsOnClose`: a publisher that closes the connection has left. */
  offer: pipeline<{ sessionId: string; sdp: string; endsOnClose?: boolean }, { sdp: string }>(),
  /** The full set of outputs that is to exist; those not named are closed properly. */
  setTransfers: pipeline<{ transfers: WantedTransfer[] }>(),
  /** Closes outputs properly, then the process exits. Answered when the outputs are closed. */
  stop: pipeline<Nothing, Figures>(),
  snapshot: pipeline<Nothing, Snapshot>(),
};

/** What a worker answers to a publisher. */
export interface PublishAnswer {
  sdp: string;
}

/** What a probe's process is told. */
export interface ProbeQuestion {
  target: TransferTarget;
  options: TransferOptions;
  /** Of addresses, as AllowList reads them. */
  rules: string;
}

/** How far a node came with a platform. */
export interface ProbeResult {
  /** Reason code of the failure; null: the platform accepted the publish. */
  code: string | null;
  detail: string | null;
  ms: number;
}

type Table = typeof OPERATIONS;
type OpOf<R extends Route> = { [Op in keyof Table]: Table[Op]['route'] extends R ? Op : never }[keyof Table];

/** What the API may ask a node. */
export type NodeOp = OpOf<'node' | 'stream' | 'session'>;
/** What a pipeline serves. */
export type PipelineOp = OpOf<'stream' | 'session' | 'pipeline'>;

type Types<Op extends keyof Table> = NonNullable<Table[Op]['types']>;
export type In<Op extends keyof Table> = Parameters<Types<Op>>[0];
export type Out<Op extends keyof Table> = ReturnType<Types<Op>>;
/** Serves an operation. What it throws with a `code` reaches the one who asked. */
export type Handler<Op extends keyof Table> = (body: In<Op>) => Out<Op> | Promise<Out<Op>>;

export const isNodeOp = (op: string): op is NodeOp =>
  Object.hasOwn(OPERATIONS, op) && OPERATIONS[op as keyof Table].route !== 'pipeline';
export const isPipelineOp = (op: string): op is PipelineOp =>
  Object.hasOwn(OPERATIONS, op) && OPERATIONS[op as keyof Table].route !== 'node';
