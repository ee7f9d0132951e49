import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import type { Response } from 'express';
import { PrismaService } from '#libs/db';
import { Registry } from '#libs/queue';
import type { Caller } from '../auth/caller.js';
import { Credentials } from '../auth/credentials.js';
import { refuse } from '../http/problem.js';
import { EventTail } from './event-tail.js';
import { sendFigures } from './feed-figures.js';
import { FeedListener, type Wanted } from './feed-listener.js';
import { type EventStream, openEvents, toMessage } from './sse.js';
import { toBuffer, type Told } from './told.js';

const POLL_MS = 500;
const FIGURES_MS = 2000;
/** Proxies close connections on which nothing moves. */
const HEARTBEAT_MS = 15_000;
/** A revoked secret opens nothing, at once; what it has opened is closed after this. */
const RECHECK_MS = 5000;
/** Of one project, in one process. */
const MAX_LISTENERS = 100;
const HEARTBEAT = Buffer.from(toMessage('heartbeat', '{}'));

/**
 * New events and figures for whoever listens, by one query for all listeners of a process. Read from the rows, so nothing is lost while
 * Redis is away. What is the same for many is made once: one more listener costs one more write in each round. (docs/decisions/0011)
 */
@Injectable()
export class EventFeed implements OnModuleDestroy {
  private readonly logger = new Logger(EventFeed.name);
  private readonly tail: EventTail;
  /** By project; null: of all projects. */
  private readonly listeners = new Map<string | null, Set<FeedListener>>();
  private timers: NodeJS.Timeout[] = [];
  private started: Promise<void> | null = null;

  constructor(
    private readonly prisma: PrismaService,
    private readonly registry: Registry,
    private readonly credentials: Credentials,
  ) {
    this.tail = new EventTail(prisma);
  }

  onModuleDestroy(): void {
    this.stop();
    for (const { to } of this.all()) to.end();
  }

  /** Each listener costs memory and figures every other second. Throws 429. */
  requireRoom(projectId: string | null): void {
    if ((this.listeners.get(projectId)?.size ?? 0) < MAX_LISTENERS) return;
    throw refuse(429, `${MAX_LISTENERS} event streams of a project may be open at the same time.`, {
      code: 'too_many_listeners',
    });
  }

  /** Answers with everything from now on, or after a position: each event once, those that were missed first. Until the reader leaves, or its secret is good no more. */
  answer(response: Response, caller: Caller, wanted: Wanted): void {
    // It may have left while its project was looked up.
    if (response.destroyed) return;
    response.once('close', this.listen(wanted, caller, openEvents(response)));
  }

  /** Sends it there instead; the function that is returned ends it. */
  listen(wanted: Wanted, caller: Caller, to: EventStream): () => void {
    const listener = new FeedListener(wanted, caller, to);
    this.join(listener).catch((error: unknown) => {
      this.logger.warn(`a listener was not served: ${String(error).slice(0, 200)}`);
      to.destroy();
    });
    return () => this.leave(listener);
  }

  private async join(listener: FeedListener): Promise<void> {
    const { projectId } = listener;
    const others = this.listeners.get(projectId);
    if (others === undefined) this.listeners.set(projectId, new Set([listener]));
    else others.add(listener);
    this.started ??= this.begin();
    await this.started.catch((error: unknown) => {
      this.started = null;
      throw error;
    });
    await listener.catchUp(this.tail, () => this.listeners.get(projectId)?.has(listener) === true);
  }

  private leave(listener: FeedListener): void {
    const { projectId } = listener;
    const others = this.listeners.get(projectId);
    others?.delete(listener);
    if (others?.size === 0) this.listeners.delete(projectId);
    if (this.listeners.size === 0) this.stop();
  }

  private async begin(): Promise<void> {
    await this.tail.begin();
    // Whoever it was for may have left meanwhile.
    if (this.listeners.size === 0) return this.stop();
    // And somebody else may have begun again.
    for (const timer of this.timers) clearInterval(timer);
    this.timers = [
      this.every(POLL_MS, 'events not read', () => this.tail.read((told) => this.tell(told))),
      this.every(FIGURES_MS, 'figures not read', () => sendFigures(this.prisma, this.registry, this.all())),
      this.every(RECHECK_MS, 'credentials not looked up', () => this.recheck()),
      this.every(HEARTBEAT_MS, 'no heartbeat', async () => {
        for (const { to } of this.all()) to.send(HEARTBEAT);
      }),
    ];
  }

  /** One at a time. */
  private every(ms: number, failure: string, work: () => Promise<void>): NodeJS.Timeout {
    let isWorking = false;
    return setInterval(() => {
      if (isWorking) return;
      isWorking = true;
      work()
        .catch((error: unknown) => this.logger.warn(`${failure}: ${String(error).slice(0, 200)}`))
        .finally(() => (isWorking = false));
    }, ms);
  }

  private stop(): void {
    for (const timer of this.timers) clearInterval(timer);
    this.timers = [];
    this.started = null;
  }

  /** Each project's listeners their own, operators all: one write for each. */
  private tell(told: Told[]): void {
    const byProject = new Map<string | null, Told[]>([[null, told]]);
    for (const each of told) {
      const { projectId } = each.event;
      if (!this.listeners.has(projectId)) continue;
      const others = byProject.get(projectId);
      if (others === undefined) byProject.set(projectId, [each]);
      else others.push(each);
    }
    for (const [projectId, its] of byProject) {
      let text: Buffer | undefined;
      for (const listener of this.listeners.get(projectId) ?? []) listener.tell(its, () => (text ??= toBuffer(its)));
    }
  }

  private async recheck(): Promise<void> {
    const listeners = this.all();
    const refused = await this.credentials.refused(listeners.map(({ caller }) => caller));
    for (const { caller, to } of listeners) if (refused.has(caller)) to.end();
  }

  private all(): FeedListener[] {
    return [...this.listeners.values()].flatMap((each) => [...each]);
  }
}
