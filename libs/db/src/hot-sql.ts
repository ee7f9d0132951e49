import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Client, type ClientConfig } from 'pg';
import { Env } from '#libs/config';
import { PrismaService, SESSION_OPTIONS } from './prisma.service.js';

/** Connections for reads and for writes, of each process. Two, so that one that is being opened again is not missed. */
const CONNECTIONS = 2;
/** A connection with a statement that waits for a lock keeps those behind it waiting, so that it does not wait for long. */
const LOCK_MS = 25;
/** Postgres: lock_not_available. */
const LOCKED = '55P03';
/** So long after a lock was found held, who needs the same waits for it elsewhere at once. */
const HELD_MS = 1000;
/** Postgres: invalid_sql_statement_name, duplicate_prepared_statement. One that could not be prepared has let those behind it down; nothing was carried out. */
const NOT_PREPARED: readonly unknown[] = ['26000', '42P05'];

/** A statement that Postgres prepares once for each connection. The name is its own: another text has another name. */
export interface HotStatement {
  name: string;
  text: string;
}

/** A value as a parameter of type jsonb, which takes neither NUL nor half a surrogate pair, as foreign text may have them. */
export const toJsonb = (value: unknown): string =>
  JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'string' ? part.toWellFormed().replaceAll('\0', '') : part,
  );

/**
 * Single statements of the hot path, over a few connections in pg's pipeline mode: statements follow each other without waiting for answers,
 * and commits that come together share one write to disk. For statements that take the fraction of a millisecond; all else goes by Prisma.
 * Errors are pg's: the SQLSTATE is in `code`.
 */
@Injectable()
export class HotSql implements OnApplicationShutdown {
  private readonly readers: Pipe[];
  private readonly writers: Pipe[];
  private turn = 0;
  /** Rows whose lock was just found held. */
  private readonly held = new LRUCache<string, true>({ max: 1000, ttl: HELD_MS });

  constructor(
    { DATABASE_URL }: Env,
    private readonly prisma: PrismaService,
  ) {
    const config: ClientConfig = {
      connectionString: DATABASE_URL,
      connectionTimeoutMillis: 2000,
      query_timeout: 3000,
      statement_timeout: 2500,
      lock_timeout: LOCK_MS,
      keepAlive: true,
      application_name: 'manycast-hot',
      options: SESSION_OPTIONS,
    };
    const pipes = (): Pipe[] => Array.from({ length: CONNECTIONS }, () => new Pipe(config));
    this.readers = pipes();
    this.writers = pipes();
  }

  /** The rows of a SELECT that locks nothing. */
  read<Row extends object>(statement: HotStatement, values: readonly unknown[]): Promise<Row[]> {
    return this.rows(this.readers, statement, values);
  }

  /**
   * The rows of an INSERT, UPDATE or DELETE with RETURNING, or of a function.
   *
   * @param row what it locks, e.g. `customer <id>`: where others hold that lock, it waits for it by Prisma, where it keeps nobody else waiting
   */
  async write<Row extends object>(row: string, statement: HotStatement, values: readonly unknown[]): Promise<Row[]> {
    if (this.held.has(row)) return this.prisma.$queryRawUnsafe<Row[]>(statement.text, ...values);
    return this.rows(this.writers, statement, values, () => this.held.set(row, true));
  }

  private async rows<Row extends object>(
    pipes: readonly Pipe[],
    statement: HotStatement,
    values: readonly unknown[],
    onLocked?: () => void,
  ): Promise<Row[]> {
    try {
      return await this.next(pipes).rows<Row>(statement, values);
    } catch (error) {
      const { code } = error as { code?: unknown };
      if (NOT_PREPARED.includes(code)) return this.next(pipes).rows<Row>(statement, values);
      if (code !== LOCKED) throw error;
      onLocked?.();
      return this.prisma.$queryRawUnsafe<Row[]>(statement.text, ...values);
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([...this.readers, ...this.writers].map((pipe) => pipe.end()));
  }

  private next(pipes: readonly Pipe[]): Pipe {
    this.turn = (this.turn + 1) % CONNECTIONS;
    return pipes[this.turn] as Pipe;
  }
}

/** One connection, opened by the first statement that needs it, and again after it broke. */
class Pipe {
  private opening: Promise<Client> | undefined;

  constructor(private readonly config: ClientConfig) {}

  async rows<Row extends object>({ name, text }: HotStatement, values: readonly unknown[]): Promise<Row[]> {
    const client = await (this.opening ??= this.open());
    const { rows } = await client.query<Row>({ name, text, values: [...values] });
    return rows;
  }

  async end(): Promise<void> {
    const { opening } = this;
    this.opening = undefined;
    // Where it could not be opened, its statement has said so.
    await opening?.then((client) => client.end()).catch(() => undefined);
  }

  private open(): Promise<Client> {
    const client = new Client({ ...this.config, pipeline: true } as ClientConfig);
    const opening = client.connect().then(() => client);
    const forget = (): void => {
      if (this.opening === opening) this.opening = undefined;
    };
    client.on('error', forget);
    client.on('end', forget);
    opening.catch(forget);
    return opening;
  }
}
