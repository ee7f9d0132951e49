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
  codec?: 'H264' | 'VP8';
  connectMs?: number;
  localAddress?: string;
  /** Changes the offer before it is sent. */
  mapOffer?: (sdp: string) => string;
  /** Changes the answer before it is used (a relay in between, say). */
  mapAnswer?: (sdp: string) => string | Promise<string>;
}
export interface TestPublisher {
  sessionUrl: string;
  etag: string;
  /** DELETE, then silence; the status of the answer. */
  stop(): Promise<number>;
  /** Vanishes without a word. */
  close(): Promise<void>;
  /** Another picture size from now on. */
  setSize(width: number, height: number): void;
}
export function publishTestStream(options: TestStreamOptions): Promise<TestPublisher>;
