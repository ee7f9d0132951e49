// Tables with a partition for each day: statements that say between which times they look read a few partitions, others all of them.

const DAY_MS = 86_400_000;
/**
 * The time of a row is the database's, the time in its id (UUIDv7) that of the process which made it, and an event has its id up to
 * some seconds after its time (a transaction's beginning). These differ by less than this, or the clock of a machine is wrong by a day.
 */
export const CLOCKS_DIFFER_MS = DAY_MS;
/** What a page is looked for in at first. */
const RECENT_MS = 2 * DAY_MS + CLOCKS_DIFFER_MS;

/** Times from `gte` on, before `lt`; absent: all. As Prisma takes it. */
export interface Between {
  gte?: Date;
  lt?: Date;
}

/** The time in a UUIDv7 (RFC 9562, section 5.7). Undefined for other ids, and for times to come: these say nothing. */
export function timeOfUuid(id: string): Date | undefined {
  return id[14] === '7' ? pastTime(parseInt(id.slice(0, 8) + id.slice(9, 13), 16)) : undefined;
}

/** Undefined for times to come, ms since 1970. */
export const pastTime = (ms: number): Date | undefined =>
  ms < Date.now() + CLOCKS_DIFFER_MS ? new Date(ms) : undefined;

/** When the row with this id was written. All times, where the id does not tell. */
export function writtenAround(id: string): Between {
  const time = timeOfUuid(id);
  return time === undefined ? {} : { gte: moved(time, -CLOCKS_DIFFER_MS), lt: moved(time, CLOCKS_DIFFER_MS) };
}

/** From when on there may be rows about what has this id. All times, where the id does not tell. */
export function writtenSince(id: string | undefined): Date | undefined {
  const time = id === undefined ? undefined : timeOfUuid(id);
  return time && moved(time, -CLOCKS_DIFFER_MS);
}

/**
 * Rows by their id, the newest first. They are looked for among those of the last days, and among all only where these are too few.
 *
 * @param page how many; when the row was written that they come after (else from the newest on); before when there is nothing
 * @param read the first `size` rows by descending id of those times
 * @param timeOf when a row was written
 */
export async function newestFirst<Row>(
  { size, before, since }: { size: number; before?: Date | undefined; since?: Date | undefined },
  read: (between: Between) => Promise<Row[]>,
  timeOf: (row: Row) => Date,
): Promise<Row[]> {
  const lt = before && { lt: moved(before, CLOCKS_DIFFER_MS) };
  const recent = moved(before ?? new Date(), -RECENT_MS);
  if (since === undefined || since < recent) {
    const rows = await read({ gte: recent, ...lt });
    // An older row may have a higher id than one that was written shortly after it: not than these.
    const sure = moved(recent, CLOCKS_DIFFER_MS);
    if (rows.length === size && rows.every((row) => timeOf(row) >= sure)) return rows;
  }
  return read({ ...(since && { gte: since }), ...lt });
}

const moved = (time: Date, ms: number): Date => new Date(time.getTime() + ms);
