import type { Event, PrismaService } from '#libs/db';
import { EventTimes } from './event-times.js';
import { covers, join, upTo, type Position } from './position.js';
import { Told } from './told.js';

/** A transaction takes 3 s at most: an id that is not there this long after a later one was read never will be. */
const SETTLE_MS = 6000;
const BATCH = 5000;
/** So far below the highest id a transaction may be that has not ended yet. */
const OVERLAP = 1000n;
const MISSED_PAGE = 500;
/** What somebody who was away gets; more than this, and the history is the better place. */
const MAX_MISSED = 5000;

/**
 * The end of the events' table, as this process has read it. Ids that were left out are looked for as well, because those of concurrent
 * transactions do not become visible in order.
 */
export class EventTail {
  /** The highest id that was read. */
  private highest = 0n;
  /** Ids below it that were not there yet, ascending, and since when (performance.now()): no clock of another machine has a say in it. */
  private readonly missing = new Map<bigint, number>();
  private readonly times = new EventTimes();

  /** Goes up with each beginning: what was asked for before one is not told after it. */
  private beginnings = 0;

  constructor(private readonly prisma: PrismaService) {}

  get position(): Position {
    return { last: this.highest, missing: [...this.missing.keys()] };
  }

  /** From now on. */
  async begin(): Promise<void> {
    const since = performance.now();
    const last = await this.prisma.event.findFirst({ select: { id: true }, orderBy: { id: 'desc' } });
    const highest = last?.id ?? 0n;
    const from = highest > OVERLAP ? highest - OVERLAP : 0n;
    const found = await this.prisma.event.findMany({
      where: { id: { gt: from, lte: highest } },
      select: { id: true, at: true },
      orderBy: { id: 'asc' },
    });
    this.beginnings += 1;
    this.highest = from;
    this.missing.clear();
    for (const event of found) this.note(event, since);
  }

  /** Reads what is new. `tell` is called in the same turn of the loop in which the position goes on: who asks for it meanwhile has all before it, or hears all after it. */
  async read(tell: (told: Told[]) => void): Promise<void> {
    const begun = performance.now();
    const { beginnings } = this;
    const missing = [...this.missing.keys()];
    // Two queries: with one condition or the other Postgres may read all that ever happened.
    const [late, events] = await Promise.all([
      missing[0] === undefined ? [] : this.find({ in: missing }, missing[0]),
      this.find({ gt: this.highest }, this.highest, { take: BATCH }),
    ]);
    if (beginnings !== this.beginnings) return;
    const told = [...late, ...events].map((event) => {
      this.note(event, begun);
      return new Told(event, this.position);
    });
    if (told.length > 0) tell(told);
    // These were looked for after every transaction that could have written them.
    for (const [id, since] of this.missing) if (since < begun - SETTLE_MS) this.missing.delete(id);
  }

  /** What happened after a position, up to `now`, in parts; `reset` when it is more than is sent again. */
  async *missed(projectId: string | null, after: Position, now: Position): AsyncGenerator<Told[] | 'reset'> {
    const ofProject = { projectId: projectId ?? undefined };
    const [lowest] = after.missing;
    const late = lowest === undefined ? [] : await this.find({ in: [...after.missing] }, lowest, ofProject);
    let before = after;
    const told: Told[] = [];
    for (const event of late) {
      if (!covers(now, event.id)) continue;
      before = { last: after.last, missing: before.missing.filter((id) => id !== event.id) };
      told.push(new Told(event, before));
    }
    yield told;
    let [from, read] = [after.last, 0];
    for (;;) {
      const page = await this.find({ gt: from, lte: now.last }, from, { ...ofProject, take: MISSED_PAGE });
      // What has become visible since, the next read tells.
      const seen = page.filter(({ id }) => covers(now, id));
      yield seen.map((event) => new Told(event, join(before, upTo(now, event.id))));
      if (page.length < MISSED_PAGE) return;
      read += page.length;
      if (read >= MAX_MISSED) return yield 'reset';
      from = page.at(-1)?.id ?? now.last;
    }
  }

  /** Events with these ids, of which `lowest` is the lowest that may be among them, in their order. */
  private find(
    id: { in: bigint[] } | { gt: bigint; lte?: bigint },
    lowest: bigint,
    { projectId, take }: { projectId?: string | undefined; take?: number } = {},
  ): Promise<Event[]> {
    return this.prisma.event.findMany({
      where: { projectId, id, at: { gte: this.times.since(lowest) } },
      orderBy: { id: 'asc' },
      take,
    });
  }

  /** An id was read: it is missing no more; those that it has overtaken are. */
  private note(event: Pick<Event, 'id' | 'at'>, now: number): void {
    const { id } = event;
    this.missing.delete(id);
    if (id <= this.highest) return;
    for (let each = id - this.highest > OVERLAP ? id - OVERLAP : this.highest + 1n; each < id; each++)
      this.missing.set(each, now);
    this.highest = id;
    this.times.note(event);
  }
}
