export interface RedisServer {
  url: string;
  port: number;
  pid: number;
  exited: Promise<string>;
  stop(): Promise<void>;
}
export function startRedis(options: { dir: string; durable?: boolean }): Promise<RedisServer>;
