export interface RtmpServer {
  /** `rtmp://127.0.0.1:<port>/<app>`, without a stream name. */
  url: string;
  statUrl: string;
  controlUrl: string;
  port: number;
  app: string;
  /** Where publications are written when `record` is on (one FLV file each). */
  recordings: string;
  pid: number;
  exited: Promise<string>;
  stop(): Promise<void>;
}
export function startRtmpServer(options: {
  dir: string;
  port?: number;
  app?: string;
  onPublishUrl?: string;
  record?: boolean;
}): Promise<RtmpServer>;
