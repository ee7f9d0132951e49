import { Injectable, type OnApplicationShutdown, type OnModuleInit, Optional } from '@nestjs/common';
import { PrismaPg } from '@prisma/adapter-pg';
import type { Socket } from 'node:net';
import { Client } from 'pg';
import { Env } from '#libs/config';
import { PrismaClient } from './generated/client.js';

/** Statements that a connection keeps prepared; those with lists have a variant for each length, and the rest is not prepared. */
const MAX_PREPARED = 300;

/** Names by which Postgres knows statements that it has seen: parsed once for each connection. An empty name is none. */
function statementNames(): (query: { sql: string }) => string {
  const names = new Map<string, string>();
  return ({ sql }) => {
    const known = names.get(sql);
    if (known !== undefined || names.size >= MAX_PREPARED) return known ?? '';
    const name = `manycast_${names.size}`;
    names.set(sql, name);
    return name;
  };
}

/** How long a process waits for Postgres, ms. */
export interface DbLimits {
  /** For a connection, a new one or one of the pool. */
  connect: number;
  /** One statement; ends at the server. */
  statement: number;
  /** The part of it that waits for a lock. */
  lock: number;
  /** A whole transaction; ends at the server. Before version 17, Postgres has no such limit, and those of its statements must do. */
  transaction: number;
  /** An answer from a server that does not even say that time is up. */
  answer: number;
}
/**
 * Of every connection. Dates go to and fro without an offset. A page from anywhere costs little more than the next one: what is read often is in memory, and the rest
 * on disks without heads; with Postgres's own 4.0, reading a table of some hundred pages from end to end seems cheaper than finding one row in it.
 */
export const SESSION_OPTIONS = '-c TimeZone=UTC -c random_page_cost=1.1';

/** Of a process that somebody waits for. */
const LIMITS: DbLimits = { connect: 2000, statement: 2500, lock: 1500, transaction: 5000, answer: 3000 };
/** Of a command that a person has started: on a busy machine late is better than never. */
export const PATIENT: DbLimits = {
  connect: 20_000,
  statement: 30_000,
  lock: 30_000,
  transaction: 60_000,
  answer: 35_000,
};

/**
 * Longer than Postgres lets a transaction live, by far: when Prisma's own time is up, it rolls back, but goes on sending what is left of an
 * operation with nested writes, which Postgres then commits each by itself (prisma/orm#29762).
 */
const PRISMA_LIMIT_FACTOR = 4;

/** A connection whose answer did not come is closed: what is open at the server ends with it, and nobody waits behind it. */
class BoundedClient extends Client {
  // oxlint-disable-next-line typescript/no-explicit-any -- pg's own signature has nine forms
  override query(...args: any[]): any {
    // oxlint-disable-next-line typescript/no-explicit-any, typescript/no-unsafe-argument -- passed on as they came
    const result: unknown = super.query(...(args as [any]));
    if (result instanceof Promise) {
      result.catch((error: Error) => {
        if (error.message === 'Query read timeout')
          (this as unknown as { connection: { stream: Socket } }).connection.stream.destroy();
      });
    }
    return result;
  }
}

/** The one door to Postgres. Every wait is bounded: Prisma's own default waits for ever on a frozen server. */
@Injectable()
export class PrismaService extends PrismaClient implements OnApplicationShutdown, OnModuleInit {
  constructor(env: Env, @Optional() limits: DbLimits = LIMITS) {
    super({
      adapter: new PrismaPg(
        {
          connectionString: env.DATABASE_URL,
          max: 10,
          connectionTimeoutMillis: limits.connect,
          query_timeout: limits.answer,
          statement_timeout: limits.statement,
          lock_timeout: limits.lock,
          idle_in_transaction_session_timeout: limits.transaction,
          keepAlive: true,
          application_name: 'manycast',
          options: SESSION_OPTIONS,
          Client: BoundedClient,
          // oxlint-disable-next-line typescript/no-misused-promises -- pg-pool waits for it; its types do not say so
          onConnect: async (client) => {
            await client.query(
              "SELECT set_config(name, $1, false) FROM pg_settings WHERE name = 'transaction_timeout'",
              [String(limits.transaction)],
            );
          },
        },
        { statementNameGenerator: statementNames() },
      ),
      transactionOptions: {
        maxWait: PRISMA_LIMIT_FACTOR * limits.transaction,
        timeout: PRISMA_LIMIT_FACTOR * limits.transaction,
      },
    });
  }

  /** The first query takes half a second; nobody shall wait for it. Without its database the process does not start. */
  async onModuleInit(): Promise<void> {
    await this.customer.findFirst({ select: { id: true } });
  }

  /** The last hook of all: what ends before may still have something to write. */
  async onApplicationShutdown(): Promise<void> {
    await this.$disconnect();
  }
}
