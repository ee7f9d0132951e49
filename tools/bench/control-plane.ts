// What the API carries: settings requests beside a bare Fastify + pg handler of the same query, and arrivals with callbacks.
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { fillDatabase } from '../lib/fill/fill.ts';
import { scaleOf } from '../lib/fill/scale.ts';
import { ROOT, STATE_DIR } from '../lib/paths.ts';
import { freePort } from '../lib/ports.ts';
import { startPostgres } from '../lib/postgres.ts';
import { startRedis } from '../lib/redis.ts';
import { ARRIVALS_AT_ONCE, arrivals, arrivalsByClock, PER_SECOND, startCallback, summary } from './arrivals.ts';
import { measureGrowth } from './growth.ts';
import { load, type Rate } from './http-load.ts';
import { median } from './measure.ts';
import { ended, measured } from './processes.ts';
import { query } from './query.ts';

const run = promisify(execFile);
const CONNECTIONS = 16;
const SECONDS = 6;
/** The first load of a new process is slow: each is loaded for so long before it is measured. */
const WARM_SECONDS = 4;

/** Events and deliveries of a project: what is measured reads none of them. */
const HISTORY = 2;

type Stops = (() => Promise<unknown>)[];

interface Measurement {
  runs: number;
  /** Only what grows with streams and listeners. */
  onlyGrowth: boolean;
  /** How many projects the databases have: a system for each number, measured in turn. */
  sizes: number[];
  print: (row: string[]) => void;
  say: (text: string) => void;
}

/** Prints one table. Everything runs on this machine, load included: compare inside the table only. */
export async function measureControlPlane({ runs, onlyGrowth, sizes, print, say }: Measurement): Promise<void> {
  const stops: Stops = [];
  try {
    const servers = await startServers(stops, sizes, say);
    const systems: { projects: number; system: System; rounds: Record<string, Rate>[] }[] = [];
    for (const projects of sizes) {
      const system = await start(stops, servers, projects);
      systems.push({ projects, system, rounds: [] });
      if (onlyGrowth) break;
      await measureOnce(system, WARM_SECONDS);
      await arrivals(system, 1);
    }
    // In turn, so that what else the machine does meanwhile is in the rows of each.
    for (let i = 0; i < (onlyGrowth ? 0 : runs); i += 1)
      for (const { system, rounds } of systems) rounds.push(await measureOnce(system, SECONDS));
    for (const { projects, system, rounds } of onlyGrowth ? [] : systems) {
      printRequests(projects, rounds, print);
      // First: callbacks that take a second are still on their way when the other is over.
      await measureClock(system, projects, print);
      await measureArrivals(system, projects, print);
    }
    for (const { system } of systems.slice(0, 1)) await measureGrowth(system, print);
  } finally {
    for (let next = stops.pop(); next; next = stops.pop()) await next();
  }
}

async function measureOnce(system: System, seconds: number): Promise<Record<string, Rate>> {
  const { limited, pids } = system;
  const round: Record<string, Rate> = {};
  for (const method of ['GET', 'PATCH'] as const) {
    round[method] = await requests(system, method, system.settings, { API: pids.api }, seconds);
    round[`limited ${method}`] = await requests(system, method, limited.settings, { API: limited.pid }, seconds);
    round[`bare ${method}`] = await requests(system, method, system.bareUrl, { handler: pids.bare }, seconds);
  }
  return round;
}

function printRequests(projects: number, rounds: Record<string, Rate>[], print: Measurement['print']): void {
  const of = (name: string, pick: (rate: Rate) => number) =>
    median(rounds.flatMap((round) => (round[name] === undefined ? [] : [pick(round[name])])));
  const figures = (name: string) => {
    const groups = Object.keys(rounds[0]?.[name]?.cpu ?? {});
    const cpu = groups.map((group) => `${group} ${of(name, (rate) => rate.cpu[group] ?? NaN).toFixed(3)}`);
    return `${of(name, ({ rate }) => rate).toFixed(0)}/s, p99 ${of(name, ({ p99 }) => p99).toFixed(0)} ms, CPU ms each: ${cpu.join(', ')}`;
  };
  const what = `${projects.toLocaleString('en')} projects, ${CONNECTIONS} connections`;
  for (const method of ['GET', 'PATCH']) {
    print([`Settings ${method} (${what})`, figures(method), '']);
    print([`Settings ${method}, requests counted for the rate limit (${what})`, figures(`limited ${method}`), '']);
    print([`Baseline: Fastify + pg, the ${method}'s query without rules (${what})`, figures(`bare ${method}`), '']);
  }
}

async function measureArrivals(system: System, projects: number, print: Measurement['print']): Promise<void> {
  for (const delayMs of [1, 1000]) {
    const { pids } = system;
    const groups = { API: pids.api, Postgres: pids.postgres, Redis: pids.redis, node: pids.node };
    const [{ count, rate, takenP99, calledBack }, spent] = await measured(groups, () => arrivals(system, delayMs));
    const cpu = Object.entries(spent).map(([group, ms]) => `${group} ${(ms / count).toFixed(1)}`);
    print([
      `Arrivals with callbacks that take ${delayMs} ms (${projects.toLocaleString('en')} projects, ${ARRIVALS_AT_ONCE} at once)`,
      `${rate.toFixed(0)}/s, p99 from POST to job taken ${takenP99.toFixed(0)} ms, ${(100 * calledBack).toFixed(1)} % called back, CPU ms each: ${cpu.join(', ')}`,
      '',
    ]);
  }
}

async function measureClock(system: System, projects: number, print: Measurement['print']): Promise<void> {
  const { pids } = system;
  const others = { Postgres: pids.postgres, Redis: pids.redis, node: pids.node };
  for (const [what, port, api] of [
    ['Arrivals, callbacks and ends', system.port, pids.api],
    ['Baseline: the same statements, queue and requests without our code', system.barePort, pids.bareArrivals],
  ] as const) {
    const [result, spent] = await measured({ API: api, ...others }, () => arrivalsByClock({ ...system, port }));
    print([
      `${what}, ${PER_SECOND}/s by the clock (${projects.toLocaleString('en')} projects)`,
      summary(result, spent),
      '',
    ]);
  }
}

/** What the seed prints, and what we add. */
interface Seeded {
  appid: string;
  publishToken: string;
  customer: SeededCredential;
  operator: SeededCredential;
}
interface SeededCredential {
  customerId: string;
  customerSecret: string;
}
type System = Awaited<ReturnType<typeof start>>;

/** One server for all sizes, with a migrated, filled database for each. Filled without waiting for the disk, which nothing is measured against. */
async function startServers(stops: Stops, sizes: number[], say: Measurement['say']) {
  const dir = join(STATE_DIR, 'bench');
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const prefix = `bench_${randomBytes(4).toString('hex')}`;
  const nameOf = (projects: number): string => `${prefix}_${projects}`;
  const place = { dir: join(dir, 'postgres') };
  const filling = await startPostgres({ ...place, durable: false });
  try {
    for (const projects of sizes) {
      const url = filling.urlOf(nameOf(projects));
      await query(filling.url, `CREATE DATABASE ${nameOf(projects)}`);
      await run(process.execPath, ['dist/libs/db/src/migrate.js'], {
        cwd: ROOT,
        env: { ...process.env, DATABASE_URL: url },
      });
      say(`  Filling a database with ${projects.toLocaleString('en')} projects.`);
      const scale = { ...scaleOf(projects), events: HISTORY * projects, deliveries: HISTORY * projects };
      await fillDatabase(url, scale, (done) => say(`    ${done}`));
    }
  } finally {
    await filling.stop();
  }
  const postgres = await startPostgres(place);
  stops.push(() => postgres.stop());
  for (const projects of sizes)
    stops.push(() => query(postgres.url, `DROP DATABASE IF EXISTS ${nameOf(projects)} WITH (FORCE)`));
  const redis = await startRedis({ dir: join(dir, 'redis') });
  stops.push(() => redis.stop());
  return { dir, postgres, redis, nameOf };
}

async function start(
  stops: Stops,
  { dir, postgres, redis, nameOf }: Awaited<ReturnType<typeof startServers>>,
  projects: number,
) {
  const name = nameOf(projects);
  const [port, limitedPort, barePort, bareArrivalsPort, callbackPort] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const env = {
    ...process.env,
    DATABASE_URL: postgres.urlOf(name),
    REDIS_URL: redis.url,
    REDIS_PREFIX: name,
    MASTER_KEYS: `k1:${randomBytes(32).toString('base64')}`,
    LISTEN_ADDRESS: '127.0.0.1',
    PORT: String(port),
    ALLOWED_PRIVATE_HOSTS: '127.0.0.1',
    REQUESTS_PER_SECOND: '0',
    WHIP_ADDRESS_REQUESTS_PER_SECOND: '0',
    WHIP_ENTRY_POINT_REQUESTS_PER_SECOND: '0',
    QUOTA_STREAMS: '1000000',
    WHIP_UNCONNECTED_PER_CUSTOMER: '0',
    WHIP_UNCONNECTED_PER_TOKEN: '0',
    QUOTA_CALLBACKS_PER_MINUTE: '1000000',
    LOG_LEVEL: 'warn',
    BARE_PORT: String(barePort),
    BARE_ARRIVALS_PORT: String(bareArrivalsPort),
  };
  const node = (script: string) => run(process.execPath, [script], { cwd: ROOT, env });
  const seeded = JSON.parse(
    (await node('dist/apps/api/src/cli/seed.js')).stdout.trim().split('\n').at(-1) ?? '',
  ) as Seeded;
  const log = openSync(join(dir, `bench-${projects}.log`), 'w', 0o600);
  const daemon = (script: string, more: NodeJS.ProcessEnv = {}) => {
    const child = spawn(process.execPath, [script], {
      cwd: ROOT,
      env: { ...env, ...more },
      stdio: ['ignore', log, log],
    });
    stops.push(() => ended(child));
    return { pid: child.pid ?? 0 };
  };
  const api = daemon('dist/apps/api/src/main.js');
  const bare = daemon('tools/bench/bare-server.ts');
  const bareArrivals = daemon('tools/bench/bare-arrivals.ts');
  const standIn = daemon('tools/bench/stand-in-node.ts');
  const callback = await startCallback(callbackPort);
  stops.push(() => callback.stop());
  const authorization = basic(seeded.customer);
  const settingsAt = (at: number) =>
    `http://127.0.0.1:${at}/v1/projects/${seeded.appid}/fls/entry_points/live/settings/transfer`;
  const settings = settingsAt(port);
  await answers(settings, { authorization });
  /** An API that counts requests as in production, with a limit that the load does not reach. It has queues of its own: publishers do not come to it. */
  const counting = daemon('dist/apps/api/src/main.js', {
    PORT: String(limitedPort),
    REDIS_PREFIX: `${name}-limited`,
    REQUESTS_PER_SECOND: '1000000',
  });
  await answers(settingsAt(limitedPort), { authorization });
  const limited = { settings: settingsAt(limitedPort), pid: counting.pid };
  await answers(`http://127.0.0.1:${barePort}/${seeded.appid}/live`, {});
  return {
    ...seeded,
    databaseUrl: env.DATABASE_URL,
    pids: {
      api: api.pid,
      bare: bare.pid,
      bareArrivals: bareArrivals.pid,
      node: standIn.pid,
      postgres: postgres.pid,
      redis: redis.pid,
    },
    settings,
    limited,
    authorization,
    operator: basic(seeded.operator),
    redisUrl: redis.url,
    redisPrefix: name,
    port,
    barePort: bareArrivalsPort,
    bareUrl: `http://127.0.0.1:${barePort}/${seeded.appid}/live`,
    callback,
  };
}

const basic = ({ customerId, customerSecret }: SeededCredential): string =>
  `Basic ${Buffer.from(`${customerId}:${customerSecret}`).toString('base64')}`;

async function requests(
  { authorization, pids }: System,
  method: 'GET' | 'PATCH',
  url: string,
  server: Record<string, number>,
  duration: number,
): Promise<Rate> {
  const body = method === 'PATCH' ? JSON.stringify({ enabled: true }) : undefined;
  const headers = { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
  const groups = { ...server, Postgres: pids.postgres };
  const [{ count, ...rate }, spent] = await measured(groups, () =>
    load({ url, method, body, headers, connections: CONNECTIONS, duration }),
  );
  return { ...rate, cpu: Object.fromEntries(Object.entries(spent).map(([group, ms]) => [group, ms / count])) };
}

async function answers(url: string, headers: Record<string, string>): Promise<void> {
  for (const deadline = performance.now() + 20_000; performance.now() < deadline; await sleep(50)) {
    const response = await fetch(url, { headers }).catch(() => undefined);
    if (response?.ok) return;
  }
  throw new Error(`${new URL(url).port} does not answer`);
}
