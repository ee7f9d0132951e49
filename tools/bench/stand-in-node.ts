// Takes stream jobs as a worker does (claim in Postgres, answer over Redis), without media: so that the API is what is measured.
import { Worker } from 'bullmq';
import pg from 'pg';
import { Redis } from 'ioredis';
import { built } from '../lib/built.ts';

const { Env } = await built<typeof import('../../libs/config/src/index.js')>('libs/config/src/index');
const { Wire } = await built<typeof import('../../libs/queue/src/index.js')>('libs/queue/src/index');

const { DATABASE_URL, REDIS_URL, REDIS_PREFIX } = process.env;
const pool = new pg.Pool({ connectionString: DATABASE_URL, max: 10 });
const wire = new Wire(Object.assign(new Env(), { REDIS_URL, REDIS_PREFIX }));
await wire.ready();
await wire.serve('bench', async (op, body) => {
  if (op === 'endSession') await end((body as { sessionId: string }).sessionId);
  return {};
});
const redis = new Redis(REDIS_URL ?? '');

async function announce(): Promise<void> {
  const status = {
    nodeId: 'bench',
    slots: 1_000_000,
    used: 0,
    draining: false,
    cpu: 0,
    version: 'bench',
    startedAt: new Date().toISOString(),
  };
  await redis
    .multi()
    .sadd(`${REDIS_PREFIX}:nodes`, 'bench')
    .set(`${REDIS_PREFIX}:node:bench`, JSON.stringify(status), 'PX', 6000)
    .exec();
}
await announce();
setInterval(() => {
  announce().catch((error) => console.error('not announced:', error));
}, 2000);

/** Of a stream whose only publisher leaves. */
async function end(sessionId: string): Promise<void> {
  await pool.query({
    name: 'end',
    text: `WITH ended AS (
        UPDATE streams SET state = 'ended', reason = 'publisher_left', lease_until = NULL, ended_at = now()
        WHERE id = (SELECT stream_id FROM sessions WHERE id = $1) AND state <> 'ended' RETURNING id, project_id),
      transfers AS (UPDATE transfers SET state = 'ended', ended_at = now() FROM ended WHERE stream_id = ended.id),
      sessions AS (UPDATE sessions SET ended_at = now(), offer = NULL FROM ended WHERE stream_id = ended.id AND ended_at IS NULL)
      INSERT INTO events (project_id, stream_id, type) SELECT project_id, id, 'stream.ended' FROM ended`,
    values: [sessionId],
  });
}

const worker = new Worker<{ streamId: string; sessionId: string; replyTo: string }>(
  'streams',
  async ({ data: { streamId, sessionId, replyTo } }) => {
    const takenAt = Date.now();
    await pool.query({
      name: 'claim',
      text: "UPDATE streams SET owner_node = 'bench', epoch = epoch + 1, state = 'live', lease_until = clock_timestamp() + interval '1 hour' WHERE id = $1 AND owner_node IS NULL",
      values: [streamId],
    });
    await wire.reply(replyTo, sessionId, { sdp: `v=0\r\ns=${takenAt}\r\n` });
  },
  { connection: { url: REDIS_URL, maxRetriesPerRequest: null }, prefix: `${REDIS_PREFIX}:bull`, concurrency: 50 },
);
worker.on('error', (error) => process.stderr.write(`${error.message}\n`));
