// Tables with a partition for each day, as they are after more time than a test has.
import { Client } from 'pg';

/** The beginning (UTC) of the day so many days ago. */
export const dayBegin = (daysAgo: number): Date => {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate() - daysAgo));
};

/** The name of the partition of that day. */
export const dayName = (table: string, daysAgo: number): string =>
  `${table}_${dayBegin(daysAgo).toISOString().slice(0, 10).replaceAll('-', '')}`;

/**
 * The empty table as it would be if its first partition had been made so many days ago, and the last one for the day that was `last` days ago
 * (-3: as it should be).
 */
export async function rebuildDays(client: Client, table: string, { first, last }: { first: number; last: number }) {
  const { rows } = await client.query<{ name: string }>('SELECT name FROM partitions_of($1)', [table]);
  await client.query(`DROP TABLE ${rows.map(({ name }) => name).join(', ')}`);
  const add = (name: string, lower: Date | '-infinity', upper: Date | 'infinity') =>
    client.query('SELECT add_partition($1, $2, $3, $4)', [table, name, lower, upper]);
  await add(`${table}_past`, '-infinity', dayBegin(first));
  for (let day = first; day >= last; day--) await add(dayName(table, day), dayBegin(day), dayBegin(day - 1));
  await add(`${table}_later`, dayBegin(last - 1), 'infinity');
}

/** Names of the partitions that there are, oldest first, without the table's. */
export async function partitionsOf(client: Client, table: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>('SELECT name FROM partitions_of($1)', [table]);
  return rows.map(({ name }) => name.replace(`${table}_`, ''));
}

/** What `work` does with a client of its own. */
export async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, options: '-c TimeZone=UTC' });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
