// The streams of the measurements of growth: which there are, and which node runs each.
import { createHash } from 'node:crypto';

/** Each pipeline measures, and each node writes, as often. */
export const PERIOD_MS = 2000;
export const NODES = 100;
export const STREAMS_OF_NODE = 100;

export const nodeOf = (node: number): string => `node-${node}`;

/** As `md5('live' || i)::uuid` in SQL. */
export const idOfStream = (i: number): string =>
  createHash('md5')
    .update(`live${i}`)
    .digest('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');

/** Rows of running streams, two transfers each: stream `i` is of project `p<i % 100 + 1>`, and on node `i / STREAMS_OF_NODE`. */
export const INSERT_STREAMS = `
  INSERT INTO streams (id, project_id, entry_point_id, name, state, owner_node, epoch, lease_until, started_at)
    SELECT md5('live' || i)::uuid, project_id, entry_points.id, 'live' || i, 'live',
      'node-' || (i / ${STREAMS_OF_NODE}), 1, now() + interval '1 hour', now()
    FROM generate_series(0, ${NODES * STREAMS_OF_NODE - 1}) i JOIN entry_points ON project_id = md5('p' || (i % 100 + 1)) AND name = 'live'
    ON CONFLICT DO NOTHING;
  INSERT INTO transfers (id, stream_id, url, redacted_url, url_hash, state, live_at)
    SELECT md5('t' || k || '-' || i)::uuid, md5('live' || i)::uuid, 'v1.x', 'rtmp://p/live/***', md5('u' || k || '-' || i), 'live', now()
    FROM generate_series(0, ${NODES * STREAMS_OF_NODE - 1}) i, generate_series(1, 2) k ON CONFLICT DO NOTHING;
  ANALYZE streams, transfers`;
