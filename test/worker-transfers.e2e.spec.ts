// Where a node's streams are to be sent: read for all of them by one query.
import pg from 'pg';
import { afterEach, expect, it, vi } from 'vitest';
import { TransferRows } from '../apps/worker/src/streams/transfer-rows.js';
import { addTransfer, dispatch, newStream, prisma, proxy, startWorker, useWorkers } from './support/workers.js';

useWorkers();
afterEach(() => vi.restoreAllMocks());

/** How often the rows of transfers have been asked for. */
function countQueries(): () => number {
  const { calls } = vi.spyOn(pg.Client.prototype, 'query').mock;
  const textOf = ([statement]: unknown[]) =>
    typeof statement === 'string' ? statement : (statement as { text: string }).text;
  return () => calls.filter((call) => /FROM transfers/.test(textOf(call))).length;
}

it('answers all who ask at the same moment by one query, and each with its own', async () => {
  const rows = (await startWorker('node-rows')).get(TransferRows);
  const streams = await Promise.all(
    Array.from({ length: 30 }, (_, i) =>
      newStream('answer', i === 0 ? [] : [`rtmp://x/live/a${i}`, `rtmp://x/live/b${i}`]),
    ),
  );
  const last = streams.at(-1)?.id as string;
  const [first] = await prisma.transfer.findMany({ where: { streamId: last }, orderBy: { id: 'asc' } });
  await prisma.transfer.update({ where: { id: first?.id }, data: { state: 'ended', endedAt: new Date() } });
  const queries = countQueries();
  const found = await Promise.all([...streams, ...streams].map(({ id }) => rows.ofStream(id)));
  expect(queries()).toBe(1);
  expect(found.map((each) => each.length)).toEqual([
    0,
    ...Array.from({ length: 28 }, () => 2),
    1,
    0,
    ...Array.from({ length: 28 }, () => 2),
    1,
  ]);
  for (const [i, each] of found.entries())
    for (const { streamId } of each) expect(streamId).toBe(streams[i % streams.length]?.id);
  expect(found[1]?.map(({ id }) => id)).toEqual(found[1]?.map(({ id }) => id).toSorted());

  // Who asks later sees what has been written since.
  await addTransfer(last, 'rtmp://x/live/late');
  expect(await rows.ofStream(last)).toHaveLength(2);
  expect(queries()).toBe(2);
});

it('tells all who asked that the database is away, and answers when it is back', async () => {
  const rows = (await startWorker('node-rows')).get(TransferRows);
  const [one, two] = [await newStream('answer', ['rtmp://x/live/one']), await newStream()];
  proxy.cut();
  const asked = await Promise.allSettled([rows.ofStream(one.id), rows.ofStream(two.id)]);
  expect(asked.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  proxy.restore();
  await expect.poll(() => rows.ofStream(one.id).catch(() => []), { timeout: 20_000 }).toHaveLength(1);
}, 40_000);

it('a node looks at the rows of all its streams at once', async () => {
  await startWorker('node-many');
  for (const stream of [await newStream(), await newStream(), await newStream()]) await dispatch(stream);
  const queries = countQueries();
  // The leases are renewed every second here, and the rows looked at each time.
  await expect.poll(queries, { timeout: 15_000 }).toBeGreaterThanOrEqual(2);
  const [before, since] = [queries(), performance.now()];
  await expect.poll(queries, { timeout: 15_000 }).toBeGreaterThanOrEqual(before + 3);
  expect(queries() - before).toBeLessThanOrEqual(Math.ceil((performance.now() - since) / 1000) + 1);
}, 40_000);
