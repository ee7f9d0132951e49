import { Prisma, type PrismaService } from '#libs/db';
import { isDayTable } from './days.js';

/** Rows of one statement: it has 2.5 s, and nobody else is to wait for its locks. */
const ROWS = 2000;
/** Streams whose children are deleted together. */
const STREAMS = 500;
/** Streams of one statement: for each, Postgres looks for deliveries in every partition (about 1 ms in 35 of them, 4 ms in 120). */
const STREAM_ROWS = 100;

/** Deletes all rows of a table that meet the condition, in small steps, until `isStopped`; returns how many. */
export function deleteRows(
  prisma: PrismaService,
  table: string,
  condition: Prisma.Sql,
  isStopped: () => boolean,
): Promise<number> {
  const name = Prisma.raw(table);
  return inSteps(isStopped, () =>
    isDayTable(table)
      ? ofPartitions(prisma, table, condition, (partition) => Prisma.sql`DELETE FROM ${partition}`)
      : prisma.$executeRaw`DELETE FROM ${name} WHERE ctid = ANY(ARRAY(SELECT ctid FROM ${name} WHERE ${condition} LIMIT ${ROWS}))`,
  );
}

/**
 * Deletes all streams that meet the condition, until `isStopped`; returns how many. Their rows in other tables go first, in steps of their own:
 * left to ON DELETE, those of a few hundred streams are more than one statement may take. `history`: with their events and
 * callback deliveries, which else are kept for as long as their own days say.
 */
export async function deleteStreams(
  prisma: PrismaService,
  condition: Prisma.Sql,
  history: 'with history' | 'without history',
  isStopped: () => boolean,
): Promise<number> {
  for (let deleted = 0; ;) {
    if (isStopped()) return deleted;
    const rows = await prisma.$queryRaw<{ id: string }[]>`SELECT id FROM streams WHERE ${condition} LIMIT ${STREAMS}`;
    const ids = rows.map(({ id }) => id);
    const inBatch = Prisma.sql`stream_id = ANY(${ids}::uuid[])`;
    const children = [
      'transfers',
      'sessions',
      ...(history === 'with history' ? ['events', 'callback_deliveries'] : []),
    ];
    for (const table of children) await deleteRows(prisma, table, inBatch, isStopped);
    if (history === 'without history') await detachDeliveries(prisma, inBatch, isStopped);
    for (let at = 0; at < ids.length; at += STREAM_ROWS) {
      if (isStopped()) return deleted;
      const some = ids.slice(at, at + STREAM_ROWS);
      deleted += await prisma.$executeRaw`DELETE FROM streams WHERE id = ANY(${some}::uuid[])`;
    }
    if (ids.length < STREAMS) return deleted;
  }
}

function detachDeliveries(prisma: PrismaService, inBatch: Prisma.Sql, isStopped: () => boolean): Promise<number> {
  return inSteps(isStopped, () =>
    ofPartitions(
      prisma,
      'callback_deliveries',
      inBatch,
      (partition) => Prisma.sql`UPDATE ${partition} SET stream_id = NULL`,
    ),
  );
}

async function inSteps(isStopped: () => boolean, step: () => Promise<number>): Promise<number> {
  for (let done = 0; ;) {
    const count = isStopped() ? 0 : await step();
    done += count;
    if (count < ROWS) return done;
  }
}

/** One step in a table of partitions, where a ctid names a row only together with its partition. Returns how many rows were found. */
async function ofPartitions(
  prisma: PrismaService,
  table: string,
  condition: Prisma.Sql,
  change: (partition: Prisma.Sql) => Prisma.Sql,
): Promise<number> {
  const found = await prisma.$queryRaw<{ partition: string; ctid: string }[]>`
    SELECT tableoid::regclass::text AS partition, ctid::text FROM ${Prisma.raw(table)} WHERE ${condition} LIMIT ${ROWS}`;
  for (const partition of new Set(found.map((row) => row.partition))) {
    const ctids = found.filter((row) => row.partition === partition).map(({ ctid }) => ctid);
    // The condition again: meanwhile another row may have come to such a place.
    await prisma.$executeRaw`${change(Prisma.raw(partition))} WHERE ctid = ANY(${ctids}::tid[]) AND ${condition}`;
  }
  return found.length;
}
