import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { startPostgres } from '../../tools/lib/postgres.ts';
import { startRedis } from '../../tools/lib/redis.ts';
import { offerSystem } from './shared-system.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** A superuser's URL of the run's PostgreSQL server. */
    adminUrl: string;
    /** A migrated, empty database; `createTestDatabase` clones it. */
    templateDb: string;
    /** The run's Redis server, shared by all files: use a prefix of your own. */
    redisUrl: string;
    /** Tells the place of the system that files share; the first request starts it: see `System.shared`. */
    sharedSystemUrl: string;
  }
}

interface Servers {
  adminUrl: string;
  redisUrl: string;
  sharedSystemUrl: string;
  stop(): Promise<void>;
}

const ROOT = join(import.meta.dirname, '../..');
const TEMPLATE = 'manycast_template';

// Vitest loads this file once per project, but one pair of servers is enough for all projects of a run.
const shared = globalThis as { manycastServers?: { users: number; servers: Promise<Servers> } };

/** Starts the run's own PostgreSQL and Redis and tells the test files where they are. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  shared.manycastServers ??= { users: 0, servers: startServers() };
  const entry = shared.manycastServers;
  entry.users += 1;
  const servers = await entry.servers;
  project.provide('adminUrl', servers.adminUrl);
  project.provide('redisUrl', servers.redisUrl);
  project.provide('templateDb', TEMPLATE);
  project.provide('sharedSystemUrl', servers.sharedSystemUrl);
  return async () => {
    entry.users -= 1;
    if (entry.users === 0) {
      delete shared.manycastServers;
      await servers.stop();
    }
  };
}

async function startServers(): Promise<Servers> {
  const parent = join(ROOT, '.manycast/test');
  await removeLeftovers(parent);
  const dir = join(parent, `servers-${process.pid}`);
  await mkdir(dir, { recursive: true });
  const started: { stop(): Promise<void> }[] = [];
  let system: Awaited<ReturnType<typeof offerSystem>> | undefined;
  const stop = async (): Promise<void> => {
    // It stands on the two others.
    await system?.stop();
    await Promise.all(started.map((server) => server.stop()));
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const postgres = await startPostgres({ dir: join(dir, 'postgres'), durable: false });
    started.push(postgres);
    const redis = await startRedis({ dir: join(dir, 'redis'), durable: false });
    started.push(redis);
    await migrateTemplate(postgres.url, postgres.urlOf(TEMPLATE));
    system = await offerSystem({ adminUrl: postgres.url, templateDb: TEMPLATE, redisUrl: redis.url });
    return { adminUrl: postgres.url, redisUrl: redis.url, sharedSystemUrl: system.url, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Removes what killed runs left behind; directories are named `<what>-<pid>`. */
async function removeLeftovers(parent: string): Promise<void> {
  await mkdir(parent, { recursive: true });
  for (const name of await readdir(parent)) {
    if (!isAlive(Number(/-(\d+)(-|$)/.exec(name)?.[1]))) {
      await rm(join(parent, name), { recursive: true, force: true });
    }
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid)) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function migrateTemplate(adminUrl: string, templateUrl: string): Promise<void> {
  await withClient(adminUrl, (client) => client.query(`CREATE DATABASE ${TEMPLATE}`));
  const migrations = join(ROOT, 'prisma/migrations');
  await withClient(templateUrl, async (client) => {
    // Migration folders begin with their date: the order of the names is the order in time.
    for (const entry of (await readdir(migrations, { withFileTypes: true })).sort((a, b) =>
      a.name < b.name ? -1 : 1,
    )) {
      if (!entry.isDirectory()) continue;
      const sql = await readFile(join(migrations, entry.name, 'migration.sql'), 'utf8');
      await client.query(sql).catch((error: Error) => {
        throw new Error(`migration ${entry.name} failed: ${error.message}`, { cause: error });
      });
    }
  });
}

async function withClient(url: string, use: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await use(client);
  } finally {
    await client.end();
  }
}
