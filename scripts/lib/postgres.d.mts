export interface PostgresServer {
  /** Connects to `database`, or else to the maintenance database. */
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
  database?: string;
  durable?: boolean;
  variant?: 'namespace' | 'user';
}): Promise<PostgresServer>;
