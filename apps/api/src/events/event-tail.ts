import type { PrismaService } from '#libs/db';
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

  /** Goes up with each beginning: what was asked for before one is not told after it. */
  private beginnings = 0;

  constructor(private readonly prisma: PrismaService) {}

  get position(): Position {
    return { last: this.highest, missing: [...this.missing.keys()] };
  }

  /** From now on. */
  async begin(): Promise<void> {
    const since = performance.now();
    const { _max } = await this.prisma.event.aggregate({ _max: { id: true } });
    const highest = _max.id ?? 0n;
    const from = highest > OVERLAP ? highest - OVERLAP : 0n;
    const found = await this.prisma.event.findMany({
      where: { id: { gt: from, lte: highest } },
      select: { id: true },
      orderBy: { id: 'asc' },
    });
    this.beginnings += 1;
    this.highest = from;
    this.missing.clear();
    for (const { id } of found) this.note(id, since);
  }

  /** Reads what is new. `tell` is called in the same turn of the loop in which the position goes on: who asks for it meanwhile has all before it, or hears all after it. */
  async read(tell: (told: Told[]) => void): Promise<void> {
    const begun = performance.now();
    const { beginnings } = this;
    // Two queries: with one condition or the other Postgres may read all that ever happened.
    const [late, events] = await Promise.all([
      this.missing.size === 0
        ? []
        : this.prisma.event.findMany({ where: { id: { in: [...this.missing.keys()] } }, orderBy: { id: 'asc' } }),
      this.prisma.event.findMany({ where: { id: { gt: this.highest } }, orderBy: { id: 'asc' }, take: BATCH }),
    ]);
    if (beginnings !== this.beginnings) return;
    const told = [...late, ...events].map((event) => {
      this.note(event.id, begun);
      return new Told(event, this.position);
    });
    if (told.length > 0) tell(told);
    // These were looked for after every transaction that could have written them.
    for (const [id, since] of this.missing) if (since < begun - SETTLE_MS) this.missing.delete(id);
  }

  /** What happened after a position, up to `now`, in parts; `reset` when it is more than is sent again. */
  async *missed(projectId: string | null, after: Position, now: Position): AsyncGenerator<Told[] | 'reset'> {
    const ofProject = { projectId: projectId ?? undefined };
    const late =
      after.missing.length === 0
        ? []
        : await this.prisma.event.findMany({
            where: { ...ofProject, id: { in: [...after.missing] } },
            orderBy: { id: 'asc' },
          });
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
      const page = await this.prisma.event.findMany({
        where: { ...ofProject, id: { gt: from, lte: now.last } },
        orderBy: { id: 'asc' },
        take: MISSED_PAGE,
      });
      // What has become visible since, the next read tells.
      const seen = page.filter(({ id }) => covers(now, id));
      yield seen.map((event) => new Told(event, join(before, upTo(now, event.id))));
      if (page.length < MISSED_PAGE) return;
      read += page.length;
      if (read >= MAX_MISSED) return yield 'reset';
      from = page.at(-1)?.id ?? now.last;
    }
  }

  /** An id was read: it is missing no more; those that it has overtaken are. */
  private note(id: bigint, now: number): void {
    this.missing.delete(id);
    if (id <= this.highest) return;
    for (let each = id - this.highest > OVERLAP ? id - OVERLAP : this.highest + 1n; each < id; each++)
      this.missing.set(each, now);
    this.highest = id;
  }
}
