import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Socket } from 'node:net';
import { Client, type ClientConfig } from 'pg';
import { Env } from '#libs/config';
import { PrismaService, SESSION_OPTIONS } from './prisma.service.js';
import { RowGates } from './row-gates.js';

/** Connections for reads and for writes, of each process. Two, so that one that is being opened again is not missed. */
const CONNECTIONS = 2;
/** A connection with a statement that waits for a lock keeps those behind it waiting, so that it does not wait for long. */
const LOCK_MS = 25;
/** Postgres: lock_not_available. */
const LOCKED = '55P03';
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
  private readonly gates = new RowGates();

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

  /** The rows of a SELECT that locks nothing. Where a table is locked (by a migration), it waits by Prisma. */
  async read<Row extends object>(statement: HotStatement, values: readonly unknown[]): Promise<Row[]> {
    try {
      return await this.rows<Row>(this.readers, statement, values);
    } catch (error) {
      if (!isLocked(error)) throw error;
      return this.elsewhere(statement, values);
    }
  }

  /**
   * The rows of an INSERT, UPDATE or DELETE with RETURNING, or of a function.
   *
   * @param row what it locks, e.g. `customer <id>`: where others hold that lock, a few statements of this process wait for it by Prisma, where they
   *   keep nobody else waiting, and the rest for their turn
   */
  async write<Row extends object>(row: string, statement: HotStatement, values: readonly unknown[]): Promise<Row[]> {
    const elsewhere = (): Promise<Row[]> => this.elsewhere<Row>(statement, values);
    try {
      return await this.gates.pass(row, () =>
        this.gates.isHeld(row) ? elsewhere() : this.rows<Row>(this.writers, statement, values),
      );
    } catch (error) {
      if (!isLocked(error)) throw error;
      this.gates.foundHeld(row);
      return this.gates.pass(row, elsewhere);
    }
  }

  private elsewhere<Row extends object>({ text }: HotStatement, values: readonly unknown[]): Promise<Row[]> {
    return this.prisma.$queryRawUnsafe<Row[]>(text, ...values);
  }

  private async rows<Row extends object>(
    pipes: readonly Pipe[],
    statement: HotStatement,
    values: readonly unknown[],
  ): Promise<Row[]> {
    try {
      return await this.next(pipes).rows<Row>(statement, values);
    } catch (error) {
      if (!NOT_PREPARED.includes((error as { code?: unknown }).code)) throw error;
      return this.next(pipes).rows<Row>(statement, values);
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

const isLocked = (error: unknown): boolean => (error as { code?: unknown }).code === LOCKED;

/** One connection, opened by the first statement that needs it, and again after it broke. */
class Pipe {
  private opening: Promise<Client> | undefined;
  private isGathering = false;

  constructor(private readonly config: ClientConfig) {}

  async rows<Row extends object>({ name, text }: HotStatement, values: readonly unknown[]): Promise<Row[]> {
    const client = await (this.opening ??= this.open());
    this.gather(client);
    const { rows } = await client.query<Row>({ name, text, values: [...values] });
    return rows;
  }

  /** Statements of requests that were read together go to Postgres together, by one write: at the end of this turn of the event loop. */
  private gather(client: Client): void {
    if (this.isGathering) return;
    this.isGathering = true;
    const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
    stream.cork();
    setImmediate(() => {
      this.isGathering = false;
      stream.uncork();
    });
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
