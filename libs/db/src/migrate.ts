/**
 * Applies prisma/migrations in order, each in a transaction, and records them as Prisma's own `migrate deploy` does
 * (table `_prisma_migrations`), so either tool can go on where the other stopped. Ours needs no engine download.
 */
import { createHash, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { secretOf } from '#libs/config';
import { rootDirectory } from '#libs/process';

/** An arbitrary constant: two processes that migrate at once take turns. */
const MIGRATION_LOCK = 72_707_369;

/** Returns the names of the migrations that were applied now. */
export async function migrate(databaseUrl: string, directory: string): Promise<string[]> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await client.query(`CREATE TABLE IF NOT EXISTS _prisma_migrations (
      id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL, finished_at timestamptz, migration_name varchar(255) NOT NULL,
      logs text, rolled_back_at timestamptz, started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0)`);
    const { rows } = await client.query<{ migration_name: string; checksum: string }>(
      'SELECT migration_name, checksum FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL',
    );
    const applied = new Map(rows.map((row) => [row.migration_name, row.checksum]));
    const done: string[] = [];
    for (const name of migrationNames(directory)) {
      const sql = readFileSync(join(directory, name, 'migration.sql'), 'utf8');
      const checksum = createHash('sha256').update(sql).digest('hex');
      const before = applied.get(name);
      if (before === checksum) continue;
      if (before !== undefined)
        throw new Error(`Migration ${name} was changed after it was applied; add a new one instead.`);
      await apply(client, name, sql, checksum);
      done.push(name);
    }
    return done;
  } finally {
    await client.end();
  }
}

/** Folders of `directory` in the order of their names, which begin with a date. */
export function migrationNames(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .toSorted();
}

async function apply(client: Client, name: string, sql: string, checksum: string): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(sql);
    await client.query(
      'INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name, applied_steps_count) VALUES ($1, $2, now(), $3, 1)',
      [randomUUID(), checksum, name],
    );
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw new Error(`Migration ${name} failed: ${(error as Error).message}`, { cause: error });
  }
}

/** Where the migrations are, whether this runs from the sources or from dist. */
export const migrationsDirectory = (): string => join(rootDirectory(), 'prisma', 'migrations');

if (process.argv[1] === import.meta.filename) {
  const url = secretOf('DATABASE_URL');
  if (!url) throw new Error('neither DATABASE_URL nor DATABASE_URL_FILE is set');
  const done = await migrate(url, migrationsDirectory());
  process.stdout.write(done.length === 0 ? 'Database is up to date.\n' : `Applied ${done.join(', ')}.\n`);
}
