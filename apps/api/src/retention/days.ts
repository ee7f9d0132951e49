import { Prisma, type PrismaService } from '#libs/db';

/** Tables whose rows lie in partitions by day, and the column that says in which. */
const TIME_COLUMNS = { callback_deliveries: 'created_at', events: 'at' } as const;
export type DayTable = keyof typeof TIME_COLUMNS;

/** Partitions are there so long before their first row. */
const DAYS_AHEAD = 3;

export const isDayTable = (table: string): table is DayTable => table in TIME_COLUMNS;

/**
 * Makes the partitions of the next days, and drops those of which every row is older than `keepDays`, by the clock of the database. Any number of processes
 * may do so at once. Rejects where somebody holds a lock on the table for longer than two seconds (a backup): nothing has changed then.
 */
export async function arrangeDays(
  prisma: PrismaService,
  table: DayTable,
  keepDays: number,
): Promise<{ made: number; dropped: number }> {
  const [done] = await prisma.$queryRaw<
    { made: number; dropped: number }[]
  >`SELECT made, dropped FROM arrange_days(${table}, ${keepDays}::integer, ${DAYS_AHEAD}::integer)`;
  if (done === undefined) throw new Error('arrange_days returned no row');
  return done;
}

/**
 * Which rows are to be deleted one by one: those older than `keepDays` in partitions that hold the rows of much more time than the others. These are the past
 * (rows of before there were partitions) and times in which no partitions were made.
 */
export async function oldRowsAmongNew(
  prisma: PrismaService,
  table: DayTable,
  keepDays: number,
): Promise<{ partitions: string[]; condition: Prisma.Sql }> {
  const found = await prisma.$queryRaw<{ name: string }[]>`
    SELECT name FROM partitions_of(${table})
    WHERE lower < now() - ${keepDays}::integer * interval '24 hours'
      AND lower + days_of_partition(${keepDays}::integer) * interval '24 hours' < upper`;
  return {
    partitions: found.map(({ name }) => name),
    condition: Prisma.sql`${Prisma.raw(TIME_COLUMNS[table])} < now() - ${keepDays}::integer * interval '24 hours'`,
  };
}
