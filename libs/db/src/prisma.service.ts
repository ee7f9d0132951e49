import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { PrismaPg } from '@prisma/adapter-pg';
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

/** The one door to Postgres. Every wait is bounded: Prisma's own default waits for ever on a frozen server. */
@Injectable()
export class PrismaService extends PrismaClient implements OnApplicationShutdown, OnModuleInit {
  constructor(env: Env) {
    super({
      adapter: new PrismaPg(
        {
          connectionString: env.DATABASE_URL,
          max: 10,
          connectionTimeoutMillis: 2000,
          query_timeout: 3000,
          statement_timeout: 2500,
          lock_timeout: 1500,
          idle_in_transaction_session_timeout: 5000,
          keepAlive: true,
          application_name: 'manycast',
        },
        { statementNameGenerator: statementNames() },
      ),
      transactionOptions: { maxWait: 2000, timeout: 3000 },
    });
  }

  /** The first query takes half a second; nobody shall wait for it. Without its database the process does not start. */
  async onModuleInit(): Promise<void> {
    await this.customer.count();
  }

  /** The last hook of all: what ends before may still have something to write. */
  async onApplicationShutdown(): Promise<void> {
    await this.$disconnect();
  }
}
