// The migration that puts events and callback deliveries into partitions, on a database with rows of before.
import { randomBytes } from 'node:crypto';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { migrate, migrationNames, migrationsDirectory } from '../libs/db/src/migrate.js';
import { dayBegin, partitionsOf, withClient } from './support/days.js';
import './support/global-setup.js';

const NAME = '20261130190000_days';
const STREAM = '01900000-0000-7000-8000-000000000001';
const ENTRY_POINT = '01900000-0000-7000-8000-000000000002';
let client: Client;
let url: string;
let before: string;

beforeEach(async () => {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await withClient(inject('adminUrl'), (admin) => admin.query(`CREATE DATABASE ${name}`));
  url = Object.assign(new URL(inject('adminUrl')), { pathname: `/${name}` }).href;
  before = mkdtempSync(join(tmpdir(), 'manycast-migrations-'));
  for (const each of migrationNames(migrationsDirectory()).filter((migration) => migration < NAME))
    cpSync(join(migrationsDirectory(), each), join(before, each), { recursive: true });
  await migrate(url, before);
  client = new Client({ connectionString: url, options: '-c TimeZone=UTC' });
  await client.connect();
});
afterEach(async () => {
  rmSync(before, { recursive: true, force: true });
  await client.end();
  const { pathname } = new URL(url);
  await withClient(inject('adminUrl'), (admin) => admin.query(`DROP DATABASE ${pathname.slice(1)} WITH (FORCE)`));
});

const rowsOf = async (table: string): Promise<unknown[]> =>
  (await client.query(`SELECT * FROM ${table} ORDER BY id`)).rows;
const count = async (sql: string): Promise<number> =>
  Number((await client.query<{ count: string }>(`SELECT count(*) FROM ${sql}`)).rows[0]?.count);

async function fill(): Promise<void> {
  await client.query(`
    INSERT INTO customers (id, name) VALUES ('c', 'c');
    INSERT INTO projects (id, customer_id, name, signing_key) VALUES ('p', 'c', 'p', ''), ('other', 'c', 'p', '');
    INSERT INTO entry_points (id, project_id, name, updated_at) VALUES ('${ENTRY_POINT}', 'p', 'live', now());
    INSERT INTO streams (id, project_id, entry_point_id, name) VALUES ('${STREAM}', 'p', '${ENTRY_POINT}', 's');
    INSERT INTO events (project_id, stream_id, transfer_id, type, data, at)
      SELECT CASE WHEN i % 3 = 0 THEN 'other' ELSE 'p' END, CASE WHEN i % 2 = 0 THEN '${STREAM}'::uuid END, NULL, 'stream.live', jsonb_build_object('n', i), now() - i * interval '1 hour'
      FROM generate_series(0, 2999) AS i;
    INSERT INTO callback_deliveries (id, entry_point_id, stream_id, attempt, url, outcome, duration_ms, timings, next_at, webhook_id, created_at)
      SELECT gen_random_uuid(), '${ENTRY_POINT}', CASE WHEN i % 2 = 0 THEN '${STREAM}'::uuid END, i, 'http://x/', 'ok', 1, '{"dns": 1}', now(), 'msg_' || i, now() - i * interval '1 hour'
      FROM generate_series(0, 999) AS i`);
}

it('keeps every row, and what refers to it', async () => {
  await fill();
  // A process that runs on has prepared what it sends.
  const insert = {
    name: 'insert',
    text: `INSERT INTO events (project_id, stream_id, type) VALUES ('p', $1, 'stream.ended') RETURNING id`,
  };
  const select = { name: 'select', text: 'SELECT * FROM callback_deliveries ORDER BY id' };
  const {
    rows: [last],
  } = await client.query<{ id: string }>(insert, [STREAM]);
  const [events, deliveries] = [await rowsOf('events'), (await client.query(select)).rows as unknown[]];

  expect(await migrate(url, migrationsDirectory())).toContain(NAME);
  expect(await rowsOf('events')).toEqual(events);
  expect((await client.query(select)).rows).toEqual(deliveries);
  for (const table of ['events', 'callback_deliveries'])
    expect(await partitionsOf(client, table)).toEqual(
      ['past', -1, -2, -3, 'later'].map((each) =>
        typeof each === 'string' ? each : dayBegin(each).toISOString().slice(0, 10).replaceAll('-', ''),
      ),
    );

  // Ids go on where they were; statements that were prepared before go on.
  expect((await client.query<{ id: string }>(insert, [STREAM])).rows[0]?.id).toBe(String(Number(last?.id) + 1));
  // Wherever its day is.
  for (const at of ['1970-01-01', dayBegin(-2).toISOString(), '2200-01-01'])
    await client.query(
      `INSERT INTO callback_deliveries (id, entry_point_id, stream_id, attempt, url, outcome, duration_ms, created_at) VALUES (gen_random_uuid(), $1, $2, 1, 'http://x/', 'ok', 1, $3)`,
      [ENTRY_POINT, STREAM, at],
    );
  const [of, ofStream] = ['callback_deliveries', 'callback_deliveries WHERE stream_id IS NOT NULL'];
  expect([await count(of), await count(ofStream)]).toEqual([1003, 503]);
  // Foreign keys as before: a delivery stays without its stream, and goes with its entry point. What is not there cannot be referred to.
  await expect(
    client.query('UPDATE callback_deliveries SET entry_point_id = gen_random_uuid() WHERE stream_id IS NULL'),
  ).rejects.toThrow('foreign key');
  await client.query(`DELETE FROM streams WHERE id = '${STREAM}'`);
  expect([await count(of), await count(ofStream)]).toEqual([1003, 0]);
  await client.query(`DELETE FROM entry_points WHERE id = '${ENTRY_POINT}'`);
  expect(await count(of)).toBe(0);
  // Nor may an id be used twice in a day.
  await expect(
    client.query('INSERT INTO events (id, project_id, type, at) SELECT id, project_id, type, at FROM events LIMIT 1'),
  ).rejects.toThrow('duplicate key');
});

it('has the same columns, defaults, indexes and foreign keys as before', async () => {
  const described = async (table: string): Promise<unknown[]> => {
    const columns = await client.query(
      `SELECT column_name, data_type, is_nullable, column_default FROM information_schema.columns WHERE table_name = $1 ORDER BY ordinal_position`,
      [table],
    );
    const indexes = await client.query(
      `SELECT replace(pg_get_indexdef(indexrelid), 'ON ONLY', 'ON') AS index, indisvalid FROM pg_index WHERE indrelid = $1::regclass AND NOT indisprimary ORDER BY 1`,
      [table],
    );
    const keys = await client.query(
      `SELECT conname, pg_get_constraintdef(oid) AS key, convalidated FROM pg_constraint WHERE conrelid = $1::regclass AND contype = 'f' ORDER BY 1`,
      [table],
    );
    return [columns.rows, indexes.rows, keys.rows];
  };
  const both = async () => [await described('events'), await described('callback_deliveries')];
  const asItWas = await both();
  await migrate(url, migrationsDirectory());
  expect(await both()).toEqual(asItWas);
});

it('an installation without rows has a partition for today', async () => {
  await migrate(url, migrationsDirectory());
  expect(await partitionsOf(client, 'events')).toEqual(
    ['past', 0, -1, -2, -3, 'later'].map((each) =>
      typeof each === 'string' ? each : dayBegin(each).toISOString().slice(0, 10).replaceAll('-', ''),
    ),
  );
});

it('waits for who writes at that moment', async () => {
  await fill();
  await client.query('BEGIN');
  await client.query(`UPDATE streams SET name = 'renamed'`);
  await client.query(`INSERT INTO events (project_id, type) VALUES ('p', 'written.meanwhile')`);
  const migrating = migrate(url, migrationsDirectory());
  // It has tried, and others are served meanwhile.
  await withClient(url, (other) =>
    expect
      .poll(
        async () =>
          (
            await other.query(
              `SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()`,
            )
          ).rowCount,
        { timeout: 20_000, interval: 20 },
      )
      .toBe(1),
  );
  await client.query('COMMIT');
  await migrating;
  expect(await count(`events WHERE type = 'written.meanwhile'`)).toBe(1);
});

it('is refused what older versions send to delete rows by their place, which would hit other rows', async () => {
  await fill();
  await migrate(url, migrationsDirectory());
  const asBefore = (table: string, verb: string) =>
    client.query(`${verb} WHERE ctid = ANY(ARRAY(SELECT ctid FROM ${table} LIMIT 1))`);
  await expect(asBefore('events', 'DELETE FROM events')).rejects.toThrow('name the partition');
  await expect(asBefore('callback_deliveries', 'DELETE FROM callback_deliveries')).rejects.toThrow(
    'name the partition',
  );
  await expect(asBefore('callback_deliveries', 'UPDATE callback_deliveries SET stream_id = NULL')).rejects.toThrow(
    'name the partition',
  );
  expect([await count('events'), await count('callback_deliveries')]).toEqual([3000, 1000]);
});
