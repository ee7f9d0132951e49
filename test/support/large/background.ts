// What the service does by itself: the sweeper, housekeeping, nodes, and what is told of publishers.
import { NestFactory } from '@nestjs/core';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { SessionWatch } from '../../../apps/api/src/flashphoner/sdk/session-watch.js';
import { Housekeeping } from '../../../apps/api/src/retention/housekeeping.js';
import { Sweeper } from '../../../apps/api/src/streams/sweeper/sweeper.js';
import { type LeasedStream, StreamRows } from '../../../apps/worker/src/streams/stream-rows.js';
import { PipelineProgram } from '../../../apps/worker/src/supervisor/pipeline-starter.js';
import { WorkerModule } from '../../../apps/worker/src/worker.module.js';
import { type Bound, POINT, running } from './call.js';
import { type Installation, newStream } from './installation.js';
import { json } from '../callback-server.js';

/** Work that nobody asks for, and how many pages each of its statements may look at. */
export interface Work {
  what: string;
  run: (at: Installation) => Promise<unknown>;
  most: (at: Installation) => Bound;
}

/** A node of the filled database, with the streams that the filling gave it. */
const ADOPTING = 'node-7';
/** Streams of the worker in these tests. */
const LEASED = 50;
/** Rows that one statement deletes, each from its table and from every index of it; foreign keys look for what refers to it. */
const DELETED = 2000;
const deleting: Bound = { buffers: 20 * DELETED, because: `up to ${DELETED} rows are deleted in one step` };

/** A worker, without pipelines. */
async function withWorker(nodeId: string, work: (rows: StreamRows) => Promise<unknown>): Promise<void> {
  const runDir = mkdtempSync(join(tmpdir(), 'lrg-'));
  Object.assign(process.env, { NODE_ID: nodeId, RUN_DIR: runDir, NODE_SLOTS: '1', WARM_PIPELINES: '0' });
  const worker = await NestFactory.createApplicationContext(WorkerModule, { logger: false });
  worker.get(PipelineProgram).file = join(import.meta.dirname, '../scripted-pipeline.mjs');
  try {
    await work(worker.get(StreamRows));
  } finally {
    await worker.close();
    rmSync(runDir, { recursive: true });
  }
}

async function claimStreams(at: Installation, rows: StreamRows): Promise<LeasedStream[]> {
  const leased: LeasedStream[] = [];
  const { prisma } = at.api;
  for (let i = 0; i < LEASED; i += 1) {
    const { id } = await newStream(at, i % 2 === 0 ? at.big : at.small);
    await prisma.stream.update({ where: { id }, data: { state: 'starting', ownerNode: null, epoch: 0 } });
    const claimed = await rows.claim(id, `session-${id}`);
    if (claimed === null) throw new Error('the stream was not free');
    leased.push(claimed.leased);
    expect(await rows.answered(claimed.leased, `session-${id}`)).toBe(true);
  }
  return leased;
}

async function renewLeases(rows: StreamRows, leased: LeasedStream[]): Promise<void> {
  for (let i = 0; i < 8; i += 1) expect((await rows.renew(leased)).size).toBe(LEASED);
}

/** From the claim of a stream to its end. */
async function runStreams(at: Installation, rows: StreamRows): Promise<void> {
  const leased = await claimStreams(at, rows);
  await renewLeases(rows, leased);
  for (const one of leased) {
    await rows.write(one, {
      stream: { state: 'live', startedAt: new Date() },
      sessions: [{ where: { endedAt: null }, data: { heardAt: new Date() } }],
      transfers: [],
      events: [{ type: 'stream.live' }],
    });
    await rows.end(one, 'publisher_left', null, null);
  }
}

export const WORKS: Work[] = [
  {
    what: 'a round of the sweeper',
    run: ({ api }) => api.app.get(Sweeper).sweep(),
    most: ({ operator }) => running(2, 'leases are looked at of all that run')(operator),
  },
  {
    what: 'housekeeping, with a part of a day that is too old',
    run: ({ api }) => api.app.get(Housekeeping).clean(),
    most: () => deleting,
  },
  {
    what: 'housekeeping, when nothing is old',
    run: ({ api }) => api.app.get(Housekeeping).clean(),
    most: () => ({
      buffers: 1500,
      because: 'entries of what was just deleted are read past, and partitions are looked up',
    }),
  },
  {
    what: 'a deleted project is cleared away',
    run: async ({ api, operator }) => {
      const [{ id } = { id: '' }] = await api.prisma.$queryRaw<{ id: string }[]>`
        SELECT id FROM projects WHERE EXISTS (SELECT FROM streams WHERE project_id = projects.id)
          AND NOT EXISTS (SELECT FROM streams WHERE project_id = projects.id AND state <> 'ended') ORDER BY created_at LIMIT 1`;
      expect((await operator.call('DELETE', `/v1/projects/${id}`)).status).toBe(204);
      await expect.poll(() => api.prisma.project.count({ where: { id } }), { timeout: 60_000 }).toBe(0);
    },
    most: () => deleting,
  },
  {
    what: 'a node that begins anew, without its pipelines',
    run: async ({ api }) => {
      const its = { ownerNode: ADOPTING, state: { not: 'ended' as const } };
      expect(await api.prisma.stream.count({ where: its })).toBeGreaterThan(0);
      await withWorker(ADOPTING, () => expect.poll(() => api.prisma.stream.count({ where: its })).toBe(0));
    },
    most: () => ({ buffers: 200, because: 'the streams of one node' }),
  },
  {
    what: 'what a node writes of its streams',
    run: (at) => withWorker('node-of-test', (rows) => runStreams(at, rows)),
    most: () => ({
      buffers: 25 * LEASED,
      because: `rows of ${LEASED} streams that have just begun go to pages with room`,
    }),
  },
  {
    what: 'leases that are renewed again',
    run: (at) =>
      withWorker('node-of-test', async (rows) => {
        const leased = await claimStreams(at, rows);
        await renewLeases(rows, leased);
        at.plans.take();
        await renewLeases(rows, leased);
      }),
    most: () => ({ buffers: 8 * LEASED, because: `${LEASED} streams, whose indexes are not written` }),
  },
  {
    what: 'callbacks that fail',
    run: async ({ api, callback, big }) => {
      const before = callback.reply;
      callback.reply = json({}, 500);
      const failed = { entryPointId: big.entryPointId, outcome: 'callback_status' };
      for (let i = 0; i < 6; i += 1) {
        const path = `/v1/projects/${big.appid}/fls/entry_points/live/settings/transfer/test`;
        await big.call('POST', path, { callbackUrl: callback.url, probe: false });
      }
      const newest = { where: { entryPointId: big.entryPointId }, orderBy: { id: 'desc' as const } };
      expect(await api.prisma.callbackDelivery.findFirst(newest)).toMatchObject(failed);
      callback.reply = before;
    },
    most: () => POINT,
  },
  {
    what: 'sessions of pages are looked after',
    run: async ({ api, big }) => {
      const session = await api.prisma.session.findFirstOrThrow({ where: { streamId: big.ended } });
      const watch = api.app.get(SessionWatch);
      await new Promise<void>((resolve) => {
        watch.add(session.id, { onPublishing: () => undefined, onEnd: () => resolve() });
      });
    },
    most: () => POINT,
  },
];
