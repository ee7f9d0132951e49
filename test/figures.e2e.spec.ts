// Live figures: a node writes those of all its streams together; they go away with their stream, and with their node.
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FIGURES_TTL_MS, Registry, type StreamOnNode } from '../libs/queue/src/index.js';
import { dispatch, newStream, row, startWorker, useWorkers, wire } from './support/workers.js';

useWorkers();

let redis: Redis;
const keyOf = (nodeId: string): string => `${process.env.REDIS_PREFIX}:figures:${nodeId}`;

beforeAll(() => {
  redis = new Redis(process.env.REDIS_URL as string);
});
afterAll(() => redis?.disconnect());

it('a node writes the figures of all its streams, and forgets those of a stream that has ended', async () => {
  const worker = await startWorker('node-figures');
  const streams = [await newStream(), await newStream()];
  for (const stream of streams) await dispatch(stream);
  const ids = streams.map(({ id }) => id).toSorted();
  const written = async () => (await redis.hkeys(keyOf('node-figures'))).toSorted();
  await expect.poll(written, { timeout: 10_000 }).toEqual(ids);
  const ofNode = ids.map((id) => ({ id, ownerNode: 'node-figures' }));
  const each = { input: { bitrate: 7 }, transfers: {} };
  expect(await worker.get(Registry).figures(ofNode)).toEqual(new Map(ids.map((id) => [id, each])));

  const [ended, goesOn] = streams as [(typeof streams)[0], (typeof streams)[0]];
  await wire.ask('node-figures', 'endSession', { sessionId: ended.sessionId, reason: 'publisher_left' }, 2000);
  await expect.poll(async () => (await row(ended.id)).state).toBe('ended');
  await expect.poll(written, { timeout: 10_000 }).toEqual([goesOn.id]);
  await wire.ask('node-figures', 'endSession', { sessionId: goesOn.sessionId, reason: 'publisher_left' }, 2000);
  await expect.poll(() => redis.exists(keyOf('node-figures')), { timeout: 10_000 }).toBe(0);
});

it('a node that is shut down takes its figures with it', async () => {
  const worker = await startWorker('node-leaves');
  const stream = await newStream();
  await dispatch(stream);
  await expect.poll(() => redis.exists(keyOf('node-leaves')), { timeout: 10_000 }).toBe(1);
  await worker.close();
  expect(await redis.exists(keyOf('node-leaves'))).toBe(0);
});

describe('what is read', () => {
  const put = async (registry: Registry, nodeId: string, count: number): Promise<StreamOnNode[]> => {
    const streams = Array.from({ length: count }, () => ({ id: randomUUID(), ownerNode: nodeId }));
    await registry.putFigures(nodeId, new Map(streams.map(({ id }) => [id, { of: id }])));
    return streams;
  };

  it('is the last that each node wrote, each stream once, in one round trip', async () => {
    const registry = (await startWorker('node-reads')).get(Registry);
    const before = await put(registry, 'node-x', 3);
    const [x, y] = [await put(registry, 'node-x', 150), await put(registry, 'node-y', 2)];
    const unknown = { id: randomUUID(), ownerNode: 'node-y' };
    const unclaimed = { id: randomUUID(), ownerNode: null };
    const found = await registry.figures([...x, ...x, ...y, ...before, unknown, unclaimed]);
    expect(found).toEqual(new Map([...x, ...y].map(({ id }) => [id, { of: id }])));
    // Of another node it is not.
    expect(await registry.figures([{ id: String(x[0]?.id), ownerNode: 'node-y' }])).toEqual(new Map());
    expect(await registry.figures([])).toEqual(new Map());
    expect(await registry.figures([unclaimed])).toEqual(new Map());
  });

  it('is gone some seconds after its node went silent', async () => {
    const registry = (await startWorker('node-reads')).get(Registry);
    const streams = await put(registry, 'node-silent', 2);
    const left = await redis.pttl(keyOf('node-silent'));
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(FIGURES_TTL_MS);
    await expect.poll(() => registry.figures(streams), { timeout: FIGURES_TTL_MS + 5000 }).toEqual(new Map());
  }, 30_000);
});
