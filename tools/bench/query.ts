import pg from 'pg';

/** The rows of one statement (of the last, where there are several without parameters). */
export async function query<T>(url: string, sql: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return ((await client.query(sql)).rows as T[] | undefined) ?? [];
  } finally {
    await client.end();
  }
}
