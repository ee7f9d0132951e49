// Fills a migrated database as a large installation fills one: for what is measured at a scale that nobody has at home.
import pg from 'pg';
import type { Scale } from './scale.ts';
import { branches, trunk } from './statements.ts';

/** Sorting and hashing in memory keeps rows in the order of their time. Constraints hold by construction; triggers would only cost. */
const SESSION = `SET session_replication_role = replica; SET work_mem = '512MB'; SET maintenance_work_mem = '512MB';
  SET enable_mergejoin = off; SET enable_nestloop = off; SET jit = off`;

interface Index {
  name: string;
  table: string;
  definition: string;
}

/**
 * Adds rows to every table of a migrated database, for a superuser; then vacuums and analyses it. Indexes that no constraint needs are made afterwards, which is
 * faster. `say` hears what has been done, for whoever waits.
 */
export async function fillDatabase(url: string, scale: Scale, say: (done: string) => void = () => {}): Promise<void> {
  const started = performance.now();
  const tell = (what: string): void => say(`${what} after ${((performance.now() - started) / 1000).toFixed(1)} s`);
  const clients = await Promise.all([connect(url), connect(url), connect(url)]);
  try {
    const [first] = clients;
    if (first === undefined) return;
    const indexes = await dropIndexes(first);
    for (const sql of trunk(scale)) await first.query(sql);
    tell('Customers, projects, streams');
    const lists = branches(scale);
    await together(clients, (client, i) => inOrder(client, lists[i] ?? []));
    tell('All rows');
    await first.query('DROP SCHEMA fill CASCADE');
    const left = [...indexes];
    await together(clients, async (client) => {
      for (let index = left.shift(); index; index = left.shift()) await client.query(index.definition);
    });
    tell('Indexes');
    await first.query('VACUUM (ANALYZE)');
    tell('Statistics');
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  // A query that fails says why; between queries nobody asks.
  client.on('error', () => undefined);
  await client.connect();
  await client.query(SESSION);
  return client;
}

async function inOrder(client: pg.Client, statements: string[]): Promise<void> {
  for (const sql of statements) await client.query(sql);
}

/** All of them to their end, so that no query is left running; then the first failure. */
async function together(clients: pg.Client[], work: (client: pg.Client, i: number) => Promise<void>): Promise<void> {
  const results = await Promise.allSettled(clients.map((client, i) => work(client, i)));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

/** Drops the indexes that no constraint needs, and returns how they are made again. Those of partitions go and come with their parent's. */
async function dropIndexes(client: pg.Client): Promise<Index[]> {
  const { rows } = await client.query<Index>(`
    SELECT quote_ident(class.relname) AS name, indrelid::regclass::text AS "table", replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ') AS definition
    FROM pg_index JOIN pg_class class ON class.oid = indexrelid
    WHERE class.relnamespace = 'public'::regnamespace AND NOT class.relispartition
      AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
    ORDER BY class.relname`);
  for (const { name } of rows) await client.query(`DROP INDEX ${name}`);
  return rows;
}
