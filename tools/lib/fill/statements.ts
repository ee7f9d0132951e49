// The SQL that fills a migrated database: few customers have much, most have little, and more streams have ended than run.
import { bigProjectsOf, type Scale } from './scale.ts';

/** Names of rows by their number: the SQL and whoever looks for a row afterwards say them alike. */
export const idOf = {
  customer: (n: string) => `md5('c' || ${n})`,
  project: (n: string) => `md5('p' || ${n})`,
};

/** Helpers in a schema of their own, gone when the database is filled. */
const HELPERS = `
  CREATE SCHEMA fill;
  -- A number from 0 to 1 that looks random, the same each time.
  CREATE FUNCTION fill.part(i bigint) RETURNS float8 LANGUAGE sql IMMUTABLE AS
    'SELECT ((i * 2654435761) % 4294967296) / 4294967296.0';
  -- From 1 to n, low ones far more often.
  CREATE FUNCTION fill.skewed(i bigint, n int) RETURNS int LANGUAGE sql IMMUTABLE AS
    'SELECT 1 + floor(n * power(((i * 2654435761) % 4294967296) / 4294967296.0, 3))::int';
  -- A UUID of version 7, as the service makes them: their order is the order in time.
  CREATE FUNCTION fill.uuid7(at timestamptz, i bigint, kind text) RETURNS uuid LANGUAGE sql IMMUTABLE AS
    $$SELECT (lpad(to_hex(floor(extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(i % 4096), 3, '0')
      || '8' || substr(md5(kind || i), 1, 15))::uuid$$;`;

/** Every so many-th stream is of the big project; the others follow the skew. */
const ENDED_OF_BIG = 20;
const LIVE_OF_BIG = 10;

/** What others refer to, in order. */
export function trunk(scale: Scale): string[] {
  const { customers, projects, endedStreams: ended, liveStreams: live } = scale;
  const step = Math.floor(projects / bigProjectsOf(scale));
  /** The customer of a project. */
  const owner = (n: string) =>
    `CASE WHEN ${n} % ${step} = ${1 % step} THEN ${idOf.customer('1')} ELSE ${idOf.customer(`(2 + ${n} % ${customers - 1})`)} END`;
  return [
    HELPERS,
    `INSERT INTO customers (id, name, created_at) SELECT ${idOf.customer('n')}, 'Customer ' || n, now() - interval '1100 days' FROM generate_series(1, ${customers}) n`,
    `INSERT INTO projects (id, customer_id, name, signing_key, created_at)
      SELECT ${idOf.project('n')}, ${owner('n')},
        'Project ' || n || ' ' || substr(md5('name' || n), 1, 6), 'v1.k1.', now() - interval '1000 days' * (1 - n / ${projects}::float8)
      FROM generate_series(1, ${projects}) n`,
    `CREATE UNLOGGED TABLE fill.entry_points AS
      SELECT n, fill.uuid7(created_at, n, 'e') AS id, created_at FROM (SELECT n, now() - interval '1000 days' * (1 - n / ${projects}::float8) AS created_at FROM generate_series(1, ${projects}) n) numbered`,
    `INSERT INTO entry_points (id, project_id, name, created_at, updated_at) SELECT id, ${idOf.project('n')}, 'live', created_at, created_at FROM fill.entry_points`,
    `INSERT INTO entry_points (id, project_id, name, created_at, updated_at)
      SELECT fill.uuid7(now(), n, 'more'), ${idOf.project('CASE WHEN n <= 50 THEN 1 ELSE 10 * n END')}, 'more-' || n, now(), now() FROM generate_series(1, greatest(50, ${projects} / 10)) n
      WHERE n <= 50 OR 10 * n <= ${projects}`,
    `CREATE UNLOGGED TABLE fill.streams AS
      SELECT k, fill.uuid7(numbered.created_at, k, 's') AS id, project, ${owner('project')} AS customer_id, entry_points.id AS entry_point_id, numbered.created_at, k > ${ended} AS runs
      FROM (
        SELECT k, CASE WHEN k % ${ENDED_OF_BIG} = 0 THEN 1 ELSE fill.skewed(k, ${projects}) END AS project,
          now() - interval '2 hours' - interval '365 days 12 hours' * (1 - k / ${ended}::float8) AS created_at FROM generate_series(1, ${ended}) k
        UNION ALL
        SELECT ${ended} + k, CASE WHEN k % ${LIVE_OF_BIG} = 0 THEN 1 ELSE fill.skewed(k, ${projects}) END,
          now() - interval '1 minute' - interval '100 minutes' * (1 - k / ${live}::float8) FROM generate_series(1, ${live}) k
      ) numbered JOIN fill.entry_points ON entry_points.n = project`,
    `CREATE UNIQUE INDEX ON fill.streams (k); ANALYZE fill.streams`,
    `INSERT INTO streams (id, project_id, customer, entry_point_id, name, state, reason, owner_node, epoch, callback_state, created_at, started_at, ended_at, figures)
      SELECT id, ${idOf.project('project')}, customer_id, entry_point_id, 'cam' || k % 50, 'ended', 'publisher_left', CASE WHEN k % 100 <> 7 THEN 'node-' || k % 200 END, 1,
        CASE WHEN k % 100 = 3 THEN 'failed' ELSE 'answered' END::"CallbackState", created_at, CASE WHEN k % 50 <> 0 THEN created_at + interval '1 second' END, created_at + interval '1 hour',
        '{"width": 1280, "height": 720, "videoKbps": 2500, "audioKbps": 96, "fps": 30}'
      FROM fill.streams WHERE NOT runs ORDER BY k`,
    `INSERT INTO streams (id, project_id, customer, entry_point_id, name, state, owner_node, epoch, lease_until, callback_state, created_at, started_at)
      SELECT id, ${idOf.project('project')}, customer_id, entry_point_id, 'live' || k,
        CASE k % 20 WHEN 0 THEN 'reconnecting' WHEN 1 THEN 'connecting' ELSE 'live' END::"StreamState",
        'node-' || k % 200, 1, now() + interval '7 days', CASE WHEN k % 100 = 3 THEN 'retrying' ELSE 'answered' END::"CallbackState",
        created_at, CASE WHEN k % 20 <> 1 THEN created_at + interval '1 second' END
      FROM fill.streams WHERE runs ORDER BY k`,
  ];
}

/** What hangs on the trunk: lists that may be filled at the same time. */
export function branches(scale: Scale): string[][] {
  const { customers, projects, events, deliveries, endedStreams: ended, liveStreams: live } = scale;
  /** The stream that is written about when so much of the last `days` days is over; the last of all are about those that run. */
  const streamAt = (n: string, of: number, days: number) =>
    `CASE WHEN ${n} > ${of} * 0.997 THEN ${ended} + 1 + ${n} % ${live} ELSE greatest(1, floor(${ended} * (1 - ${days} / 365.5 * (1 - ${n} / ${of}::float8))))::int END`;
  /** Every stream that runs has two transfers; one of them is a push. */
  const isPush = `(runs AND i = 2 OR NOT runs AND k % 4 = 0)`;
  return [
    [
      `INSERT INTO events (id, project_id, stream_id, type, data, at)
        SELECT before + n, ${idOf.project('project')}, streams.id, (ARRAY['stream.starting', 'stream.live', 'callback.answered', 'transfer.state', 'transfer.state', 'stream.ended'])[1 + n % 6],
          '{"state": "live", "url": "rtmp://a.example/live/***"}', now() - interval '1 second' - interval '90 days 1 hour' * (1 - n / ${events}::float8)
        FROM (SELECT n, ${streamAt('n', events, 90)} AS k FROM generate_series(1, ${events}) n) numbered JOIN fill.streams USING (k),
          (SELECT coalesce(max(id), 0) AS before FROM events) highest`,
      `SELECT setval(pg_get_serial_sequence('events', 'id'), (SELECT max(id) FROM events))`,
    ],
    [
      `INSERT INTO callback_deliveries (id, entry_point_id, stream_id, kind, attempt, url, webhook_id, stream_name, status, outcome, duration_ms, timings, created_at)
        SELECT fill.uuid7(at, n, 'd'), entry_point_id, CASE WHEN n % 50 <> 0 THEN id END, CASE WHEN n % 50 <> 0 THEN 'stream' ELSE 'test' END, 1, 'https://customer.example/callback',
          'msg_' || n, 'cam' || n % 50, 200, CASE WHEN n % 20 = 0 THEN 'callback_timeout' ELSE 'ok' END, 40, '{"dnsMs": 1, "connectMs": 2, "tlsMs": 10, "waitMs": 20, "readMs": 1}', at
        FROM (SELECT n, ${streamAt('n', deliveries, 30)} AS k, now() - interval '1 second' - interval '30 days 30 minutes' * (1 - n / ${deliveries}::float8) AS at FROM generate_series(1, ${deliveries}) n) numbered
          JOIN fill.streams USING (k)`,
    ],
    [
      `INSERT INTO sessions (id, stream_id, etag, ice_ufrag, proof, client_ip, user_agent, created_at, heard_at, ended_at)
        SELECT 'session-' || i || '-' || md5('session' || k), id, 'etag', 'ufrag', 'proof', '192.0.2.1', 'browser', created_at, created_at, CASE WHEN NOT runs OR i = 2 THEN created_at + interval '1 hour' END
        FROM fill.streams, generate_series(1, 2) i WHERE i = 1 OR k % 10 = 0`,
      `INSERT INTO transfers (id, stream_id, url, redacted_url, url_hash, origin, state, attempts, live_at, created_at, ended_at, media_session_id, push_url, figures)
        SELECT fill.uuid7(created_at, 2 * k + i, 't'), id, 'v1.k1.' || repeat('x', 120), 'rtmp://a.example/live/***', md5('url' || k || i), CASE WHEN ${isPush} THEN 'push' ELSE 'callback' END,
          CASE WHEN runs THEN 'live' ELSE 'ended' END::"TransferState", 1, created_at, created_at, CASE WHEN NOT runs THEN created_at + interval '1 hour' END,
          CASE WHEN ${isPush} THEN substr(md5('media' || k || i), 1, 26) END, CASE WHEN ${isPush} THEN 'v1.k1.' END, CASE WHEN NOT runs THEN '{"bytesSent": 1000000, "bytesAcked": 1000000}'::jsonb END
        FROM fill.streams, generate_series(1, 2) i WHERE i = 1 OR runs`,
      `INSERT INTO last_answers (entry_point_id, stream_name, answer, answered_at) SELECT entry_point_id, 'cam' || k % 50, repeat('x', 160), created_at FROM fill.streams WHERE k % 4 = 0 ON CONFLICT DO NOTHING`,
      `INSERT INTO credentials (id, customer_id, label, secret, created_at, revoked_at)
        SELECT fill.uuid7(now(), 2 * n + i, 'k'), ${idOf.customer('n')}, 'key ' || i, 'v1.k1.' || repeat('x', 100), now() - interval '100 days', CASE WHEN i = 2 THEN now() - interval '10 days' END FROM generate_series(1, ${customers}) n, generate_series(1, 2) i`,
      `INSERT INTO dashboard_sessions (id, customer_id, credential_id, expires_at) SELECT md5('cookie' || c.id), customer_id, c.id, now() + interval '1 day' FROM credentials c WHERE revoked_at IS NULL`,
      `INSERT INTO idempotency_keys (customer_id, key, fingerprint, status, body, created_at) SELECT ${idOf.customer('n')}, 'key-' || n, md5('f' || n), 201, 'v1.k1.' || repeat('x', 200), now() - interval '20 hours' * fill.part(n) FROM generate_series(1, ${customers}) n`,
      `INSERT INTO rest_keys (id, project_id, label, key_hash) SELECT fill.uuid7(now(), n, 'r'), ${idOf.project('5 * n')}, 'page', md5('key' || n) FROM generate_series(1, ${projects} / 5) n`,
      `INSERT INTO callback_secrets (id, entry_point_id, secret) SELECT fill.uuid7(created_at, n, 'x'), id, 'v1.k1.' || repeat('x', 80) FROM fill.entry_points`,
      `INSERT INTO push_settings (entry_point_id, settings) SELECT id, '{"streamNamePrefix": "x_"}' FROM fill.entry_points WHERE n % 4 = 3`,
      `INSERT INTO banned_streams (entry_point_id, stream_name, resume_time) SELECT id, 'banned' || i, now() + interval '1 day' * i FROM fill.entry_points, generate_series(1, 500) i WHERE i = 1 AND n % 5 = 2 OR n = 1`,
    ],
  ];
}
