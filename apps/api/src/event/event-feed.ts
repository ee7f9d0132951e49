import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { Observable, Subject } from 'rxjs';
import { PrismaService, type Event } from '#libs/db';
import { Registry } from '#libs/queue';
import { refuse } from '../problem.js';
import type { LiveFigures } from '../stream/stream.dto.js';

/** What a listener gets: an event of the history, or the figures of its running streams. */
export type FeedItem = { event: Event } | { figures: Record<string, LiveFigures> };

const POLL_MS = 500;
const FIGURES_MS = 2000;
/** A transaction takes 3 s at most: what was written before, and committed after a later one, comes within this time. */
const SETTLE_MS = 6000;
const BATCH = 5000;
/** At the start, ids this far back count as passed on: what comes late among them began before anybody listened. */
const OVERLAP = 1000n;
/** What somebody who was away gets at once; more than this, and the history is the better place. */
const MISSED = 500;
/** Figures of more streams at once than a page can show help nobody. */
const MAX_STREAMS = 300;
/** Of one project, in one process. */
const MAX_LISTENERS = 100;

interface Listener {
  /** Null: all projects (an operator). */
  projectId: string | null;
  subject: Subject<FeedItem>;
}

/**
 * New events and figures for whoever listens, by one query for all listeners of a process. Read from the rows, so nothing
 * is lost while Redis is away; with an overlap in time, because ids of concurrent transactions do not become visible in order.
 */
@Injectable()
export class EventFeed implements OnModuleDestroy {
  private readonly logger = new Logger(EventFeed.name);
  private readonly listeners = new Set<Listener>();
  private timers: NodeJS.Timeout[] = [];
  private started: Promise<void> | null = null;
  /** Everything up to here has become visible, or never will. */
  private floor = 0n;
  /** What was passed on above the floor. */
  private readonly seen = new Set<bigint>();
  /** The highest id at moments of the last seconds (performance.now()): no clock of another machine has a say in it. */
  private marks: { at: number; highest: bigint }[] = [];
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
    throw refuse(429, `${MAX_LISTENERS} event streams of a project may be open at the same time.`, { code: 'too_many_listeners' });
  }

  /** Everything from now on; with `afterId`, first what has happened since that event. */
  listen(projectId: string | null, afterId?: bigint): Observable<FeedItem> {
    return new Observable((subscriber) => {
      const listener: Listener = { projectId, subject: new Subject() };
      const sent = new Set<bigint>();
      const subscription = listener.subject.subscribe({
        next: (item) => {
          if ('event' in item && sent.has(item.event.id)) return;
          subscriber.next(item);
        },
        complete: () => subscriber.complete(),
      });
      void this.start(listener)
        .then(() => (afterId === undefined ? [] : this.missed(projectId, afterId)))
        .then((events) => {
          for (const event of events) {
            sent.add(event.id);
            subscriber.next({ event });
          }
        })
        .catch((error: unknown) => subscriber.error(error));
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
    const { _max } = await this.prisma.event.aggregate({ _max: { id: true } });
    const highest = _max.id ?? 0n;
    this.floor = highest > OVERLAP ? highest - OVERLAP : 0n;
    for (const { id } of await this.prisma.event.findMany({ where: { id: { gt: this.floor, lte: highest } }, select: { id: true } })) this.seen.add(id);
    this.marks = [{ at: performance.now(), highest }];
    // Whoever it was for may have left meanwhile.
    if (this.listeners.size === 0) return this.stop();
    // And somebody else may have begun anew.
    for (const timer of this.timers) clearInterval(timer);
    this.timers = [setInterval(() => void this.poll(), POLL_MS), setInterval(() => void this.sendFigures(), FIGURES_MS)];
  }

  private stop(): void {
    for (const timer of this.timers) clearInterval(timer);
    this.timers = [];
    this.started = null;
    this.seen.clear();
    this.marks = [];
  }

  private async poll(): Promise<void> {
    if (this.polling) return;
    this.polling = true;
    try {
      const events = await this.prisma.event.findMany({ where: { id: { gt: this.floor } }, orderBy: { id: 'asc' }, take: BATCH });
      for (const event of events) {
        if (this.seen.has(event.id)) continue;
        this.seen.add(event.id);
        for (const { projectId, subject } of this.listeners) if (projectId === null || projectId === event.projectId) subject.next({ event });
      }
      this.settle(events.at(-1)?.id ?? this.floor);
    } catch (error) {
      this.logger.warn(`events not read: ${String(error).slice(0, 200)}`);
    } finally {
      this.polling = false;
    }
  }

  /** Raises the floor to what was the highest id long enough ago. */
  private settle(highest: bigint): void {
    const now = performance.now();
    this.marks.push({ at: now, highest });
    while ((this.marks[0]?.at ?? now) < now - SETTLE_MS) this.floor = this.marks.shift()?.highest ?? this.floor;
    for (const id of this.seen) if (id <= this.floor) this.seen.delete(id);
  }

  private missed(projectId: string | null, afterId: bigint): Promise<Event[]> {
    return this.prisma.event.findMany({ where: { id: { gt: afterId }, projectId: projectId ?? undefined }, orderBy: { id: 'asc' }, take: MISSED });
  }

  private async sendFigures(): Promise<void> {
    if (this.sending) return;
    this.sending = true;
    try {
      const projects = [...new Set([...this.listeners].map(({ projectId }) => projectId))];
      for (const projectId of projects) {
        const figures = await this.figures(projectId);
        for (const listener of this.listeners) if (listener.projectId === projectId) listener.subject.next({ figures });
      }
    } catch (error) {
      this.logger.warn(`figures not read: ${String(error).slice(0, 200)}`);
    } finally {
      this.sending = false;
    }
  }

  private async figures(projectId: string | null): Promise<Record<string, LiveFigures>> {
    const running =
      projectId === null
        ? await this.prisma.$queryRaw<{ id: string }[]>`SELECT id FROM streams WHERE state <> 'ended' ORDER BY id DESC LIMIT ${MAX_STREAMS}`
        : await this.prisma.$queryRaw<{ id: string }[]>`SELECT id FROM streams WHERE state <> 'ended' AND project_id = ${projectId} ORDER BY id DESC LIMIT ${MAX_STREAMS}`;
    return Object.fromEntries(await this.registry.figures<LiveFigures>(running.map(({ id }) => id)));
  }
}
