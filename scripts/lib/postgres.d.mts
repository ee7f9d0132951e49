export interface PostgresServer {
  /** Connects to the maintenance database. */
  url: string;
  urlOf(database: string): string;
  port: number;
  pid: number;
  exited: Promise<string>;
  stop(): Promise<void>;
}
export function postgresBinDir(): string | undefined;
export function startPostgres(options: {
  dir: string;
  durable?: boolean;
  variant?: 'namespace' | 'user';
}): Promise<PostgresServer>;
