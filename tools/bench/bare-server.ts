// The baseline: the least that answers a settings request from the database. No credentials, no rules.
import fastify from 'fastify';
import pg from 'pg';

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 });
const app = fastify();
app.get('/:appid/:name', async ({ params }, reply) => {
  const { appid, name } = params as Record<string, string>;
  const { rows } = await pool.query(
    'SELECT transfer_enabled AS enabled, callback_url AS "callbackUrl" FROM entry_points WHERE project_id = $1 AND name = $2',
    [appid, name],
  );
  return rows[0] ?? reply.code(404).send({ message: 'unknown' });
});
app.patch('/:appid/:name', async ({ params, body }, reply) => {
  const { appid, name } = params as Record<string, string>;
  const { enabled } = body as { enabled: boolean };
  const { rows } = await pool.query(
    'UPDATE entry_points SET transfer_enabled = $3, updated_at = now() WHERE project_id = $1 AND name = $2 RETURNING transfer_enabled AS enabled, callback_url AS "callbackUrl"',
    [appid, name, enabled],
  );
  return rows[0] ?? reply.code(404).send({ message: 'unknown' });
});
await app.listen({ port: Number(process.env.BARE_PORT), host: '127.0.0.1' });
