// Every operation of the API, and what the service does by itself, on a database as a large installation has it: what Postgres does for each statement that is sent.
// No table is read from end to end, and no statement looks at more pages than it is about. `npm run test:large` does the same with a million projects.
import { appendFileSync, writeFileSync } from 'node:fs';
import { getQueueToken } from '@nestjs/bullmq';
import type { Queue } from 'bullmq';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OPERATIONS, type Operation } from '../apps/api/src/openapi/operations.js';
import { CALLBACKS_QUEUE } from '../libs/queue/src/index.js';
import { FULL, SMALL } from '../tools/lib/fill/scale.ts';
import { WORKS } from './support/large/background.js';
import { type Bound, type Calls, POINT, ROUNDS, type Way } from './support/large/call.js';
import { type Line, report } from './support/large/report.js';
import { type Installation, startInstallation, type Tenant } from './support/large/installation.js';
import { publishCalls } from './support/large/publish-calls.js';
import { streamCalls } from './support/large/stream-calls.js';
import { tenantCalls } from './support/large/tenant-calls.js';

const isFull = process.env.LARGE_INSTALLATION === 'full';
/** A file for what each statement came to, as lines of JSON. */
const LOG = process.env.LARGE_LOG;
const lines: Line[] = [];
const CALLS: Calls = { ...tenantCalls, ...streamCalls, ...publishCalls };
/** A table that becomes longer does so by up to 64 pages at once, and notes them in its map of free space. */
const EXTENDED = 100;

let at: Installation;
/** Names in the queries of all calls so far, by operation. */
const filters = new Map<string, Set<string>>();

beforeAll(async () => {
  at = await startInstallation(isFull ? FULL : SMALL, (what) => isFull && console.log(what));
  if (LOG) writeFileSync(LOG, '');
}, 3_600_000);
afterAll(async () => {
  if (isFull) console.log(report(lines));
  await at?.stop();
}, 600_000);

const nameOf = ({ method, path }: Operation): string => `${method} ${path}`;

it('calls every operation of the document, and no other', () => {
  expect(Object.keys(CALLS).toSorted()).toEqual(OPERATIONS.map(nameOf).toSorted());
});

it('has filled every table', async () => {
  const small = await at.api.prisma.$queryRaw<{ name: string }[]>`
    SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND NOT relispartition AND reltuples < 1000`;
  expect(small).toEqual([]);
});

/** Who asks: the big customer until its plans are settled, then the small one by the same plans, and an operator. */
function callers({ rounds = ROUNDS, isSlow }: Way, isOperators: boolean): Tenant[] {
  const first = isOperators ? at.operator : at.big;
  if (isSlow) return isOperators ? [first] : [first, at.operator];
  return [...Array.from({ length: rounds }, () => first), ...(isOperators ? [first] : [at.small, at.big, at.operator])];
}

/** What goes on after an answer has come. */
async function idle(): Promise<void> {
  const queue = at.api.app.get<Queue>(getQueueToken(CALLBACKS_QUEUE));
  const jobs = async () => Object.values(await queue.getJobCounts('waiting', 'active')).reduce((sum, n) => sum + n, 0);
  await expect.poll(jobs, { interval: 2 }).toBe(0);
}

/** What of the statements that have run was too much. */
function tooMuch(of: { name: string; what: string; by: string }, { buffers: most, because }: Bound): string[] {
  return at.plans.take().flatMap((ran) => {
    lines.push({ ...of, most, ...ran });
    if (LOG) appendFileSync(LOG, `${JSON.stringify({ ...of, most, because, ...ran })}\n`);
    const allowed = most + (ran.writes ? EXTENDED : 0);
    return [
      ...ran.scanned.map((table) => `${of.by}: reads all of ${table}: ${ran.text}`),
      ...(ran.buffers > allowed && !ran.isFirstCall
        ? [`${of.by}: ${ran.buffers} pages, not ${allowed}: ${ran.text}: ${ran.shape}`]
        : []),
    ];
  });
}

describe.each(OPERATIONS.map((operation) => [nameOf(operation), operation] as const))('%s', (name, operation) => {
  it.each((CALLS[name] ?? []).map((way) => [way.what ?? 'as usual', way] as const))('%s', async (what, way) => {
    const isOperators = operation.isOperators === true || operation.summary.includes('(operators');
    const { most = POINT } = way;
    const found = new Set<string>();
    for (const by of callers(way, isOperators)) {
      const made = (await way.make?.(by, at)) ?? '';
      await idle();
      at.plans.take();
      at.paths.length = 0;
      const { status, text } = await way.run(by, made, at);
      const used = filters.get(name) ?? new Set();
      for (const path of at.paths) for (const filter of new URL(path, at.api.url).searchParams.keys()) used.add(filter);
      filters.set(name, used);
      await idle();
      expect(status, text).toBeLessThan(400);
      const bound = typeof most === 'function' ? most(by) : most;
      for (const each of tooMuch({ name, what, by: by.what }, bound)) found.add(each);
    }
    expect([...found]).toEqual([]);
  });
});

it('calls every list with every filter that it has', () => {
  // How publishers show that they may has tests of its own.
  const called = OPERATIONS.filter((operation) => operation.tag !== 'WHIP' && filters.has(nameOf(operation)));
  const unused = called.flatMap((operation) =>
    Object.keys(operation.query ?? {})
      .filter((filter) => !filters.get(nameOf(operation))?.has(filter))
      .map((filter) => `${nameOf(operation)} ${filter}`),
  );
  expect(unused).toEqual([]);
});

describe('by itself', () => {
  it.each(WORKS.map((work) => [work.what, work] as const))('%s', async (what, { run, most }) => {
    at.plans.take();
    await run(at);
    expect([...new Set(tooMuch({ name: 'by itself', what, by: 'service' }, most(at)))]).toEqual([]);
  });
});

it('has come to plans that are the same for all parameters', async () => {
  at.plans.take();
  for (let i = 0; i < 2; i += 1)
    await at.big.call('GET', `/v1/projects/${at.big.appid}/fls/entry_points/live/settings/transfer`);
  expect(at.plans.take().map(({ isGeneric }) => isGeneric)).toContain(true);
});
