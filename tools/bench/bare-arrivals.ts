// The baseline of arrivals: the same statements, queue, messages and requests as the API's, from Fastify, pg, BullMQ, ioredis and undici. No credentials,
// no rules, no limits, no log; nothing is sealed, signed or looked at.
import { Queue, Worker } from 'bullmq';
import fastify from 'fastify';
import { Redis } from 'ioredis';
import { randomBytes, randomUUID } from 'node:crypto';
import pg from 'pg';
import { request } from 'undici';

const { DATABASE_URL, REDIS_URL = '', REDIS_PREFIX, BARE_ARRIVALS_PORT } = process.env;
const WIRE = `${REDIS_PREFIX}:wire`;
const REPLY_TO = `${WIRE}:reply:${randomUUID()}`;
const NODE = `${WIRE}:node:bench`;
/** Of its own, so that the API does not take what is asked for here. */
const CALLBACKS = 'bare-callbacks';

const FIND = {
  name: 'find',
  text: `SELECT customer_id, projects.id AS project_id, entry_points.id AS entry_point_id FROM projects JOIN entry_points ON project_id = projects.id
      AND entry_points.name = $2 AND entry_points.deleted_at IS NULL
    LEFT JOIN streams running ON running.entry_point_id = entry_points.id AND running.name = $3 AND running.state <> 'ended'
    WHERE projects.id = $1 AND projects.deleted_at IS NULL`,
};
const BEGIN = {
  name: 'begin',
  text: "SELECT begin_stream($1, $2, $3, '[]', 1000000, 0, 0) FROM set_config('synchronous_commit', 'off', true)",
};
const READ = {
  name: 'read',
  text: `SELECT streams.id, streams.project_id, streams.name, callback_url,
      ARRAY(SELECT secret FROM callback_secrets WHERE callback_secrets.entry_point_id = entry_points.id AND (expires_at IS NULL OR expires_at > now()))
    FROM streams JOIN entry_points ON entry_points.id = streams.entry_point_id JOIN projects ON projects.id = streams.project_id
      JOIN customers ON customers.id = projects.customer_id
    WHERE streams.id = $1`,
};
const RECORD = { name: 'record', text: "SELECT record_first_answer($1, $2, $3, $4, NULL, NULL, '{}') AS recorded" };
const SESSION = {
  name: 'session',
  text: 'SELECT sessions.id, owner_node FROM sessions JOIN streams ON streams.id = stream_id WHERE sessions.id = $1',
};
const END = {
  name: 'end',
  text: "UPDATE sessions SET ended_at = clock_timestamp(), offer = NULL, reason = 'publisher_left' WHERE id = $1 AND ended_at IS NULL",
};

const pool = new pg.Pool({ connectionString: DATABASE_URL, max: 10 });
const query = async <Row extends object>(statement: { name: string; text: string }, values: unknown[]): Promise<Row> =>
  (await pool.query<Row>({ ...statement, values })).rows[0] as Row;
const options = {
  connection: { url: REDIS_URL, maxRetriesPerRequest: null },
  prefix: `${REDIS_PREFIX}:bull`,
  defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
};
const [streams, callbacks] = [new Queue('streams', options), new Queue(CALLBACKS, options)];
const redis = new Redis(REDIS_URL);
const replies = new Redis(REDIS_URL);
const waiting = new Map<string, (result: { sdp: string }) => void>();
await replies.subscribe(REPLY_TO);
replies.on('message', (_channel, text) => {
  const { id, result } = JSON.parse(text) as { id: string; result: { sdp: string } };
  waiting.get(id)?.(result);
  waiting.delete(id);
});
const replyOf = (id: string) => new Promise<{ sdp: string }>((resolve) => waiting.set(id, resolve));
async function ask(op: string, body: object): Promise<void> {
  const id = randomUUID();
  const reply = replyOf(id);
  await redis.publish(NODE, JSON.stringify({ id, replyTo: REPLY_TO, op, body }));
  await reply;
}

const app = fastify();
app.addContentTypeParser('application/sdp', { parseAs: 'string' }, (_request, body, done) => done(null, body));
app.post('/whip/:appid/:entryPoint/:name', async ({ params, body }, reply) => {
  const { appid, entryPoint, name } = params as Record<string, string>;
  const found = await query<Record<string, string>>(FIND, [appid, entryPoint, name]);
  const [streamId, sessionId] = [randomUUID(), randomBytes(24).toString('base64url')];
  const stream = { id: streamId, projectId: appid, entryPointId: found.entry_point_id, name, callbackState: 'pending' };
  const session = { id: sessionId, offer: body, etag: 'etag', iceUfrag: 'user', clientIp: '127.0.0.1' };
  await query(BEGIN, [found.customer_id, JSON.stringify(stream), JSON.stringify(session)]);
  const answer = replyOf(sessionId);
  await Promise.all([
    streams.add('publish', { streamId, sessionId, replyTo: REPLY_TO }, { jobId: sessionId }),
    callbacks.add('ask', { streamId }, { jobId: streamId, attempts: 1_000_000_000, backoff: { type: 'custom' } }),
  ]);
  const { sdp } = await answer;
  return reply.code(201).header('location', `/whip/sessions/${sessionId}`).type('application/sdp').send(sdp);
});
app.delete('/whip/sessions/:session', async ({ params }) => {
  const { session } = params as Record<string, string>;
  await query(SESSION, [session]);
  await ask('endSession', { sessionId: session, reason: 'publisher_left' });
  await query(END, [session]);
  return '';
});

const worker = new Worker<{ streamId: string }>(
  CALLBACKS,
  async ({ data: { streamId } }) => {
    const stream = await query<Record<string, string>>(READ, [streamId]);
    await redis.incr(`${REDIS_PREFIX}:bare`);
    const { body } = await request(`${stream.callback_url}?app=live&name=${stream.name}`, {
      method: 'POST',
      // Of its own, as each of the API's.
      reset: true,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ appid: stream.project_id, streamName: stream.name, streamId }),
    });
    const { transferUrls } = (await body.json()) as { transferUrls: string[] };
    const transfers = transferUrls.map((url) => ({
      id: randomUUID(),
      origin: 'callback',
      url,
      redactedUrl: url,
      urlHash: url,
      options: {},
    }));
    const delivery = {
      id: randomUUID(),
      kind: 'stream',
      attempt: 1,
      url: stream.callback_url,
      webhookId: `msg_${streamId}`,
      streamName: stream.name,
      status: 200,
      outcome: 'ok',
      durationMs: 1,
      timings: {},
    };
    await query(RECORD, [streamId, JSON.stringify(transfers), JSON.stringify(delivery), JSON.stringify(transferUrls)]);
    await ask('syncTransfers', { streamId });
  },
  { ...options, concurrency: 200 },
);
worker.on('error', (error) => process.stderr.write(`${error.message}\n`));
await app.listen({ port: Number(BARE_ARRIVALS_PORT), host: '127.0.0.1' });
