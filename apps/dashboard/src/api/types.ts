// The answers of the API, as far as the page shows them. Kept by hand in the words of /openapi.json.

export type Role = 'customer' | 'operator';

export interface Session {
  customerId: string;
  name: string;
  role: Role;
}

export interface Quotas {
  projects: number;
  entryPoints: number;
  streams: number;
  transfersPerStream: number;
  callbacksPerMinute: number;
}

export interface Customer extends Session {
  quotas: Quotas;
  usage: { projects: number; streams: number };
  createdAt: string;
}

export interface Credential {
  id: string;
  label: string;
  createdAt: string;
  lastUsedAt: string | null;
  expiresAt: string | null;
}

export interface NewCredential extends Credential {
  secret: string;
}

export interface Project {
  /** Whether signed publish URLs are accepted. */
  hasAuthKey?: boolean;
  appid: string;
  name: string;
  createdAt: string;
}

export interface EntryPoint {
  name: string;
  createdAt: string;
  transfer: { enabled: boolean; callbackUrl: string | null };
}

export interface TransferSettings {
  enabled: boolean;
  callbackUrl: string | null;
  useLastAnswer?: boolean;
}

export type Blame = 'platform' | 'customer' | 'publisher' | 'operator' | 'service' | 'nobody';

export interface Reason {
  code: string;
  text: string;
  blame: Blame;
  retryable: boolean;
  detail: string | null;
}

export interface InputFigures {
  bitrate: number;
  fps: number;
  width: number | null;
  height: number | null;
  videoCodec: string | null;
  audioCodec: string | null;
  transcoded: 'codec' | 'b_frames' | null;
  keyFrameIntervalMs: number | null;
  packetsLost: number;
  jitterMs: number | null;
  rttMs: number | null;
  avSkewMs?: number | null;
}

export interface TransferFigures {
  bytesSent: number;
  bytesAcked: number;
  bitrate: number;
  fps: number;
  droppedFrames: number;
  queuedMs: number;
  reconnects: number;
  liveMs: number;
}

export type StreamState = 'starting' | 'live' | 'reconnecting' | 'ended';
export type TransferState = 'pending' | 'connecting' | 'live' | 'reconnecting' | 'paused' | 'ended' | 'failed';
export type CallbackState = 'none' | 'pending' | 'answered' | 'retrying' | 'failed';

export interface Stream {
  id: string;
  name: string;
  entryPoint: string;
  state: StreamState;
  reason: Reason | null;
  callback: { state: CallbackState; reason: Reason | null };
  transfers: Partial<Record<TransferState, number>>;
  createdAt: string;
  startedAt: string | null;
  endedAt: string | null;
  figures: InputFigures | null;
  node?: string | null;
  /** In lists over all customers. */
  appid?: string;
  customerId?: string;
}

export interface TransferOptions {
  muted?: boolean;
  paused?: boolean;
  tlsVerify?: boolean;
  height?: number;
  fps?: number;
  bitrate?: number;
}

export interface Transfer {
  id: string;
  url: string;
  origin: string;
  state: TransferState;
  reason: Reason | null;
  attempts: number;
  nextRetryAt: string | null;
  liveAt: string | null;
  createdAt: string;
  endedAt: string | null;
  options: TransferOptions;
  figures: TransferFigures | null;
}

export interface StreamEvent {
  id: string;
  type: string;
  streamId: string | null;
  transferId: string | null;
  data: { state?: string; reason?: string | null; detail?: string | null; url?: string; urls?: number; bad?: unknown };
  at: string;
  appid?: string;
}

export interface Timings {
  dnsMs?: number;
  connectMs?: number;
  tlsMs?: number;
  waitMs?: number;
  readMs?: number;
}

export interface Delivery {
  id: string;
  streamId: string | null;
  kind?: string;
  attempt: number;
  url: string;
  status: number | null;
  outcome: string;
  detail: string | null;
  durationMs: number;
  timings?: Timings;
  answerHead: string | null;
  createdAt: string;
  nextAt?: string | null;
}

export interface Probe {
  stage: 'address' | 'tcp' | 'tls' | 'rtmp' | 'publish' | 'ok';
  ok: boolean;
  code?: string | null;
  text?: string | null;
  detail?: string | null;
  ms?: number;
}

export interface CallbackTest {
  delivery: Pick<Delivery, 'url' | 'status' | 'outcome' | 'detail' | 'durationMs' | 'timings' | 'answerHead'>;
  transfers: { element: number; url: string; options: TransferOptions; probe?: Probe }[];
  bad: { element: number; message: string }[];
}

export interface CallbackSecret {
  id: string;
  createdAt: string;
  expiresAt: string | null;
}

export interface PublishToken {
  token: string;
  expiresAt: string;
  whipUrl: string;
}

export interface NodeStatus {
  nodeId: string;
  slots: number;
  used: number;
  draining: boolean;
  version: string;
  startedAt: string;
  /** 0 to 1, of all its cores. */
  cpu?: number;
}

export interface QueueCounts {
  name: string;
  waiting: number;
  active: number;
  delayed: number;
  failed: number;
  completed: number;
}

export interface HistoryPoint {
  at: string;
  streams: number;
  transfersLive: number;
  transfersFailing: number;
  arrivals: number;
  callbacksOk: number;
  callbacksFailed: number;
}

/** Everything that lists answers this, with the rows under a name of their own. */
export interface Paged {
  nextCursor: string | null;
}
