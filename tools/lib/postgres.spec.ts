import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startPostgres } from './postgres.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'mc-postgres-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

it('a first start that is killed costs the next one nothing: the database is there', async () => {
  const program = `import { startPostgres } from './tools/lib/postgres.ts'; await startPostgres({ dir: ${JSON.stringify(dir)}, database: 'shop' });`;
  // With its initdb.
  const first = spawn(process.execPath, ['--input-type=module', '-e', program], { detached: true, stdio: 'ignore' });
  const exit = new Promise((resolve) => first.once('exit', resolve));
  await expect
    .poll(() => ['data', 'data.new'].some((name) => existsSync(join(dir, name, 'PG_VERSION'))), { interval: 2 })
    .toBe(true);
  process.kill(-(first.pid as number), 'SIGKILL');
  await exit;

  const server = await startPostgres({ dir, database: 'shop', durable: false });
  try {
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    const { rows } = await client.query('SELECT current_database() AS name');
    expect(rows).toEqual([{ name: 'shop' }]);
    await client.end();
  } finally {
    await server.stop();
  }
});
