import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { Observable, Subject } from 'rxjs';
import { PrismaService, type Event } from '#libs/db';
import { Registry } from '#libs/queue';
import { refuse } from '../http/problem.js';
import type { LiveFigures } from '../streams/live-figures.js';
import { covers, join, upTo, type Position } from './position.js';

/** An event, and where its reader is with it. */
interface PassedOn {
  event: Event;
  position: Position;
}

/**
 * What a listener gets: an event of the history; the figures of running streams; where it is, when it has all that it missed; or
 * that it was away for too long, and what happened up to the next position is in the history only.
 */
export type FeedItem = PassedOn | { figures: Record<string, LiveFigures> } | { position: Position } | { reset: true };

/** What somebody wants to hear. */
export interface Wanted {
  /** Null: all projects (an operator). */
  projectId: string | null;
  /** Where it was before; it first gets what has happened since. */
  after?: Position | undefined;
  /** Figures of these streams only; without, of the newest ones. */
  figuresOf?: readonly string[] | undefined;
}

const POLL_MS = 500;
const FIGURES_MS = 2000;
/** A transaction takes 3 s at most: an id that is not there this long after a later one was read never will be. */
const SETTLE_MS = 6000;
const BATCH = 5000;
/** So far below the highest id a transaction may be that has not ended yet. */
const OVERLAP = 1000n;
const MISSED_PAGE = 500;
/** What somebody who was away gets; more than this, and the history is the better place. */
const MAX_MISSED = 5000;
/** Figures of more streams at once than a page can show help nobody; whoever looks at others names them. */
const MAX_STREAMS = 300;
/** Of one project, in one process. */
const MAX_LISTENERS = 100;

interface Listener extends Wanted {
  subject: Subject<PassedOn | { figures: Record<string, LiveFigures> }>;
}

/**
 * New events and figures for whoever listens, by one query for all listeners of a process. Read from the rows, so nothing
 * is lost while Redis is away; ids that were left out are looked for as well, because those of concurrent transactions do not
 * become visible in order.
 */
@Injectable()
export class EventFeed implements OnModuleDestroy {
  private readonly logger = new Logger(EventFeed.name);
  private readonly listeners = new Set<Listener>();
  private timers: NodeJS.Timeout[] = [];
  private started: Promise<void> | null = null;
  /** The highest id that was read. */
  private highest = 0n;
  /** Ids below it that were not there yet, ascending, and since when (performance.now()): no clock of another machine has a say in it. */
  private readonly missing = new Map<bigint, number>();
  private polling = false;
  private sending = false;

  constructor(
    private readonly prisma: PrismaService,
    private readonly registry: Registry,
  ) {}

  onModuleDestroy(): void {
    this.stop();
    for (const { subject } of this.listeners) subject.complete();
  }

  /** Each listener costs memory and figures every other second. Throws 429. */
  requireRoom(projectId: string | null): void {
    if ([...this.listeners].filter((listener) => listener.projectId === projectId).length < MAX_LISTENERS) return;
    throw refuse(429, `${MAX_LISTENERS} event streams of a project may be open at the same time.`, {
      code: 'too_many_listeners',
    });
  }

  /** Everything from now on, or after a position: each event once, those that were missed first. */
  listen(wanted: Wanted): Observable<FeedItem> {
    const { after } = wanted;
    return new Observable((subscriber) => {
      const listener: Listener = { ...wanted, subject: new Subject() };
      /** What is new while the missed ones are read; null: they have been. */
      let waiting: FeedItem[] | null = [];
      const subscription = listener.subject.subscribe({
        next: (item) => {
          // Another process may have passed it on before this one saw it.
          if ('event' in item && after !== undefined && covers(after, item.event.id)) return;
          const placed =
            'event' in item && after !== undefined ? { ...item, position: join(after, item.position) } : item;
          if (waiting === null) subscriber.next(placed);
          else waiting.push(placed);
        },
        complete: () => subscriber.complete(),
      });
      const begin = async (): Promise<void> => {
        await this.start(listener);
        // What this process has seen by now is for `missed`, what it sees from now on waits: no event is in both, or in none.
        waiting = [];
        const now = this.position();
        if (after !== undefined) {
          for await (const item of this.missed(wanted.projectId, after, now)) {
            if (subscriber.closed) return;
            subscriber.next(item);
          }
        }
        subscriber.next({ position: after === undefined ? now : join(after, now) });
        for (const item of waiting) subscriber.next(item);
        waiting = null;
      };
      begin().catch((error: unknown) => subscriber.error(error));
      return () => {
        subscription.unsubscribe();
        this.listeners.delete(listener);
        if (this.listeners.size === 0) this.stop();
      };
    });
  }

  private async start(listener: Listener): Promise<void> {
    this.listeners.add(listener);
    this.started ??= this.begin();
    await this.started.catch((error: unknown) => {
      this.started = null;
      throw error;
    });
  }

  private async begin(): Promise<void> {
    const since = performance.now();
    const last = await this.prisma.event.findFirst({ select: { id: true }, orderBy: { id: 'desc' } });
    const highest = last?.id ?? 0n;
    const from = highest > OVERLAP ? highest - OVERLAP : 0n;
    const found = await this.prisma.event.findMany({
      where: { id: { gt: from, lte: highest } },
      select: { id: true },
      orderBy: { id: 'asc' },
    });
    this.highest = from;
    this.missing.clear();
    for (const { id } of found) this.note(id, since);
    // Whoever it was for may have left meanwhile.
    if (this.listeners.size === 0) return this.stop();
    // And somebody else may have begun again.
    for (const timer of this.timers) clearInterval(timer);
    this.timers = [this.every(POLL_MS, () => this.poll()), this.every(FIGURES_MS, () => this.sendFigures())];
  }

  private every(ms: number, work: () => Promise<void>): NodeJS.Timeout {
    return setInterval(() => {
      work().catch((error: unknown) => this.logger.error(error));
    }, ms);
  }

  private stop(): void {
    for (const timer of this.timers) clearInterval(timer);
    this.timers = [];
    this.started = null;
    this.missing.clear();
  }

  private async poll(): Promise<void> {
    if (this.polling) return;
    this.polling = true;
    try {
      const begun = performance.now();
      // Two queries: with one condition or the other Postgres may read all that ever happened.
      const [late, events] = await Promise.all([
        this.missing.size === 0
          ? []
          : this.prisma.event.findMany({ where: { id: { in: [...this.missing.keys()] } }, orderBy: { id: 'asc' } }),
        this.prisma.event.findMany({ where: { id: { gt: this.highest } }, orderBy: { id: 'asc' }, take: BATCH }),
      ]);
      for (const event of [...late, ...events]) {
        this.note(event.id, begun);
        const item = { event, position: this.position() };
        for (const { projectId, subject } of this.listeners)
          if (projectId === null || projectId === event.projectId) subject.next(item);
      }
      // These were looked for after every transaction that could have written them.
      for (const [id, since] of this.missing) if (since < begun - SETTLE_MS) this.missing.delete(id);
    } catch (error) {
      this.logger.warn(`events not read: ${String(error).slice(0, 200)}`);
    } finally {
      this.polling = false;
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

  private position(): Position {
    return { last: this.highest, missing: [...this.missing.keys()] };
  }

  /** What happened after a position, up to what this process has seen. */
  private async *missed(projectId: string | null, after: Position, now: Position): AsyncGenerator<FeedItem> {
    const ofProject = { projectId: projectId ?? undefined };
    const late =
      after.missing.length === 0
        ? []
        : await this.prisma.event.findMany({
            where: { ...ofProject, id: { in: [...after.missing] } },
            orderBy: { id: 'asc' },
          });
    let before = after;
    for (const event of late) {
      if (!covers(now, event.id)) continue;
      before = { last: after.last, missing: before.missing.filter((id) => id !== event.id) };
      yield { event, position: before };
    }
    let [from, read] = [after.last, 0];
    for (;;) {
      const page = await this.prisma.event.findMany({
        where: { ...ofProject, id: { gt: from, lte: now.last } },
        orderBy: { id: 'asc' },
        take: MISSED_PAGE,
      });
      // What has become visible since, the next poll passes on.
      for (const event of page) if (covers(now, event.id)) yield { event, position: join(before, upTo(now, event.id)) };
      if (page.length < MISSED_PAGE) return;
      read += page.length;
      if (read >= MAX_MISSED) return yield { reset: true };
      from = page.at(-1)?.id ?? now.last;
    }
  }

  private async sendFigures(): Promise<void> {
    if (this.sending) return;
    this.sending = true;
    try {
      for (const projectId of new Set([...this.listeners].map((listener) => listener.projectId))) {
        await this.sendFiguresOf(
          projectId,
          [...this.listeners].filter((listener) => listener.projectId === projectId),
        );
      }
    } catch (error) {
      this.logger.warn(`figures not read: ${String(error).slice(0, 200)}`);
    } finally {
      this.sending = false;
    }
  }

  private async sendFiguresOf(projectId: string | null, listeners: Listener[]): Promise<void> {
    const named = [...new Set(listeners.flatMap(({ figuresOf }) => figuresOf ?? []))];
    const [newest, own] = await Promise.all([
      listeners.some(({ figuresOf }) => figuresOf === undefined) ? this.newest(projectId) : [],
      named.length === 0 ? [] : this.running(projectId, named),
    ]);
    const figures = await this.registry.figures<LiveFigures>([...new Set([...newest, ...own])]);
    for (const { figuresOf = newest, subject } of listeners)
      subject.next({ figures: Object.fromEntries([...figures].filter(([id]) => figuresOf.includes(id))) });
  }

  private async newest(projectId: string | null): Promise<string[]> {
    const found =
      projectId === null
        ? await this.prisma.$queryRaw<
            { id: string }[]
          >`SELECT id FROM streams WHERE state <> 'ended' ORDER BY id DESC LIMIT ${MAX_STREAMS}`
        : await this.prisma.$queryRaw<
            { id: string }[]
          >`SELECT id FROM streams WHERE state <> 'ended' AND project_id = ${projectId} ORDER BY id DESC LIMIT ${MAX_STREAMS}`;
    return found.map(({ id }) => id);
  }

  /** Those of the named streams that run and are of this project. */
  private async running(projectId: string | null, ids: string[]): Promise<string[]> {
    const found = await this.prisma.stream.findMany({
      where: { id: { in: ids }, projectId: projectId ?? undefined, state: { not: 'ended' } },
      select: { id: true },
    });
    return found.map(({ id }) => id);
  }
}
