// What grows with streams and with listeners: figures of 10,000 streams, reading them, and the feed.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import pg from 'pg';
import { ROOT } from '../lib/paths.ts';
import { arrivals } from './arrivals.ts';
import { idOfStream, INSERT_STREAMS, NODES, PERIOD_MS, STREAMS_OF_NODE } from './growth-streams.ts';
import { load } from './http-load.ts';
import { ended, measured } from './processes.ts';
import { query } from './query.ts';

const SECONDS = 6;
const STREAMS = (NODES * STREAMS_OF_NODE).toLocaleString('en');
const LISTENERS = [1, 30, 300];
/** Events in a second, and how many are written at a time. */
const EVENTS_PER_SECOND = 200;
const BATCH = 20;

type System = Parameters<typeof arrivals>[0] & {
  redisUrl: string;
  redisPrefix: string;
  /** Authorization of an operator. */
  operator: string;
  pids: Record<'api' | 'postgres' | 'redis', number>;
};
type Print = (row: string[]) => void;

/** Rows of the table. The database has projects `p1` to `p100`. */
export async function measureGrowth(system: System, print: Print): Promise<void> {
  await arrival(system, print);
  await query(system.databaseUrl, INSERT_STREAMS);
  const size = [NODES, STREAMS_OF_NODE].map(String);
  await leases(system, size, print);
  const nodes = await daemon('figure-nodes.ts', size, {
    REDIS_URL: system.redisUrl,
    REDIS_PREFIX: system.redisPrefix,
  });
  try {
    await sleep(2 * PERIOD_MS);
    await figures(system, nodes.pid, print);
    await reads(system, print);
    for (const count of LISTENERS) await feed(system, count, print);
  } finally {
    await nodes.stop();
    await query(
      system.databaseUrl,
      "DELETE FROM events; UPDATE streams SET state = 'ended', ended_at = now() WHERE state <> 'ended'",
    );
  }
}

/** What one arrival with its callback writes; the node is a stand-in without media. */
async function arrival(system: System, print: Print): Promise<void> {
  const { databaseUrl, redisUrl } = system;
  const before = { ...(await written(databaseUrl)), ...(await commands(redisUrl)) };
  const { count } = await arrivals(system, 1);
  const after = { ...(await written(databaseUrl)), ...(await commands(redisUrl)) };
  const each = (what: keyof typeof after) => (after[what] - before[what]) / count;
  print([
    'What one arrival writes, with its callback, one transfer, and the end of its rows',
    `${each('transactions').toFixed(1)} transactions, ${each('rows').toFixed(1)} rows, ${(each('bytes') / 1000).toFixed(1)} kB of WAL, ${each('commands').toFixed(0)} commands of Redis`,
    '',
  ]);
}

/** What Redis has been told so far. */
async function commands(redisUrl: string): Promise<{ commands: number; received: number }> {
  const redis = new Redis(redisUrl);
  const info = await redis.info();
  redis.disconnect();
  const of = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1]);
  return { commands: of('total_commands_processed'), received: of('total_net_input_bytes') };
}

/** What it costs Postgres that nodes keep their streams. */
async function leases({ databaseUrl, pids }: System, size: string[], print: Print): Promise<void> {
  const nodes = await daemon('lease-nodes.ts', size, { DATABASE_URL: databaseUrl });
  try {
    await sleep(PERIOD_MS);
    const before = await written(databaseUrl);
    const [, spent] = await measured({ Postgres: pids.postgres, nodes: nodes.pid }, () => sleep(SECONDS * 1000));
    const after = await written(databaseUrl);
    const each = (what: keyof typeof after) => (after[what] - before[what]) / SECONDS;
    print([
      `Leases of ${STREAMS} streams on ${NODES} nodes, renewed every ${PERIOD_MS / 1000} s, and the rows of their transfers`,
      `${each('transactions').toFixed(0)} transactions, ${each('rows').toFixed(0)} rows and ${(each('bytes') / 1e6).toFixed(1)} MB of WAL in a second, CPU in % of one core: Postgres ${percent(spent.Postgres)}, all nodes ${percent(spent.nodes)}`,
      '',
    ]);
  } finally {
    await nodes.stop();
  }
}

/** What was written to this database so far; the WAL is the server's. */
async function written(databaseUrl: string): Promise<{ bytes: number; transactions: number; rows: number }> {
  const [found] = await query<{ bytes: number; transactions: number; rows: number }>(
    databaseUrl,
    `SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 AS bytes, (xact_commit + xact_rollback)::float8 AS transactions,
      (tup_inserted + tup_updated + tup_deleted)::float8 AS rows FROM pg_stat_database WHERE datname = current_database()`,
  );
  if (found === undefined) throw new Error('a database without statistics');
  return found;
}

/** Of one core, over the time of a measurement. */
const percent = (ms = NaN): string => (ms / SECONDS / 10).toFixed(1);

/** What the figures cost while nobody looks. */
async function figures({ redisUrl, pids }: System, nodesPid: number, print: Print): Promise<void> {
  const before = await commands(redisUrl);
  const [, spent] = await measured({ Redis: pids.redis, nodes: nodesPid }, () => sleep(SECONDS * 1000));
  const after = await commands(redisUrl);
  print([
    `Figures of ${STREAMS} streams on ${NODES} nodes every ${PERIOD_MS / 1000} s`,
    `${((after.commands - before.commands) / SECONDS).toFixed(0)} commands and ${((after.received - before.received) / SECONDS / 1e6).toFixed(1)} MB in a second, CPU in % of one core: Redis ${percent(spent.Redis)}, all nodes ${percent(spent.nodes)}`,
    '',
  ]);
}

async function reads({ port, operator, pids }: System, print: Print): Promise<void> {
  const at = (path: string) => `http://127.0.0.1:${port}${path}`;
  const { streams } = (await (
    await fetch(at('/v1/streams?limit=1&state=live'), { headers: { authorization: operator } })
  ).json()) as { streams: { id: string; appid: string }[] };
  const [{ id, appid } = { id: idOfStream(0), appid: '' }] = streams;
  for (const [what, path] of [
    ['One stream with its figures', `/v1/projects/${appid}/fls/streams/${id}`],
    ['A page of 100 streams of all projects with their figures', '/v1/streams?limit=100&state=live'],
    ['/metrics', '/metrics'],
  ] as const) {
    const groups = { API: pids.api, Postgres: pids.postgres, Redis: pids.redis };
    const [{ count, rate, p99 }, spent] = await measured(groups, () =>
      load({ url: at(path), headers: { authorization: operator }, connections: 4, duration: 4 }),
    );
    const cpu = Object.entries(spent).map(([group, ms]) => `${group} ${(ms / count).toFixed(2)}`);
    print([what, `${rate.toFixed(0)}/s, p99 ${p99.toFixed(0)} ms, CPU ms each: ${cpu.join(', ')}`, '']);
  }
}

/** A third of the listeners hears all projects, the others one of two; half of the events are of these two. */
async function feed(system: System, count: number, print: Print): Promise<void> {
  const { port, databaseUrl } = system;
  const [one, two] = await query<{ id: string }>(databaseUrl, "SELECT md5('p1') AS id UNION ALL SELECT md5('p2')");
  // Figures have a measurement of their own.
  const path = (of: string) => `http://127.0.0.1:${port}/v1/${of}?figuresOf=${idOfStream(0)}`;
  const of = [path('events/stream'), ...[one, two].map((each) => path(`projects/${each?.id}/fls/events/stream`))];
  const urls = Array.from({ length: count }, (_, i) => of[i % of.length] as string);
  const idle = await listened(system, urls, 0);
  const busy = await listened(system, urls, EVENTS_PER_SECOND);
  const looking = await listened(
    system,
    urls.map((url) => url.replace(/\?.*/, '')),
    0,
  );
  const perEvent = (busy.apiMs - idle.apiMs) / busy.written;
  print([
    `Feed with ${count} listeners, ${EVENTS_PER_SECOND} events in a second`,
    `CPU of the API for one event ${perEvent.toFixed(3)} ms (sent ${(busy.events / busy.written).toFixed(1)} times); without events ${percent(idle.apiMs)} % of one core, with the figures of the newest 300 streams each ${percent(looking.apiMs)} % (${(looking.bytes / SECONDS / 1e6).toFixed(1)} MB in a second)`,
    '',
  ]);
}

async function listened({ operator, pids, databaseUrl }: System, urls: string[], perSecond: number) {
  const listeners = await daemon('listeners.ts', [], {
    FEED_URLS: JSON.stringify(urls),
    AUTHORIZATION: operator,
  });
  try {
    await sleep(1000);
    await listeners.ask();
    const [written, spent] = await measured({ API: pids.api }, () => writeEvents(databaseUrl, perSecond));
    return {
      written,
      apiMs: spent.API ?? NaN,
      ...(JSON.parse(await listeners.ask()) as { events: number; bytes: number }),
    };
  } finally {
    await listeners.stop();
  }
}

/** For as long as is measured, but for the last second, in which they arrive; how many. */
async function writeEvents(databaseUrl: string, perSecond: number): Promise<number> {
  let written = 0;
  const until = performance.now() + SECONDS * 1000;
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    for (let at = performance.now(); perSecond > 0 && at < until - 1000; at += (1000 * BATCH) / perSecond) {
      await sleep(Math.max(0, at - performance.now()));
      await client.query(
        `INSERT INTO events (project_id, type, data) SELECT md5('p' || CASE WHEN i % 4 < 2 THEN i % 4 + 1 ELSE i % 90 + 3 END), 'transfer.state',
          '{"state": "live", "url": "rtmp://platform/live/***", "reason": null, "detail": null}' FROM generate_series(1, ${BATCH}) i`,
      );
      written += BATCH;
    }
  } finally {
    await client.end();
  }
  await sleep(Math.max(0, until - performance.now()));
  return written;
}

/** A program of this folder that says when it is ready, and answers each line with one. */
async function daemon(script: string, args: string[], env: NodeJS.ProcessEnv) {
  const child = spawn(process.execPath, [join(ROOT, 'tools/bench', script), ...args], {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error(`${script} has ended`);
    return String(value);
  };
  await next();
  return {
    pid: child.pid ?? 0,
    ask: async () => {
      child.stdin.write('\n');
      return next();
    },
    stop: () => ended(child),
  };
}
