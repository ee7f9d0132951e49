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
}
export interface TestPublisher {
  sessionUrl: string;
  etag: string;
  /** DELETE, then silence; the status of the answer. */
  stop(): Promise<number>;
  /** Vanishes without a word. */
  close(): Promise<void>;
}
export function publishTestStream(options: TestStreamOptions): Promise<TestPublisher>;
