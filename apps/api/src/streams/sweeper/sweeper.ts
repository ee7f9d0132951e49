import { InjectQueue } from '@nestjs/bullmq';
import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { Env } from '#libs/config';
import { PrismaService } from '#libs/db';
import { CALLBACKS_QUEUE, REDIS } from '#libs/queue';
import { Dispatcher } from '../publish/dispatcher.js';
import { Periodic } from '../../background/periodic.js';
import { endStream } from '../end-stream.js';

const INTERVAL_MS = 10_000;
/** A job that is only just being added is not lost. */
const CALLBACK_GRACE_MS = 10_000;
/** For a pipeline that waited for a worker and none came: it closes its outputs within this. */
const CLOSING_MS = 5000;
const BATCH = 100;
/** Questions to Redis in one go. */
const LOOKUPS = 1000;

/**
 * Makes up for what was lost between two steps: rows are written before jobs, so rows say what is missing. States are
 * literals in its SQL: Prisma's parameters keep Postgres from using the partial indexes on streams that run.
 */
@Injectable()
export class Sweeper implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger(Sweeper.name);
  private readonly periodic = new Periodic(this.logger, 'sweep', () => this.round());
  /** Streams whose lease had run out when we last looked: the epoch, and since when we know. */
  private lapsed = new Map<string, { epoch: number; since: number }>();

  constructor(
    private readonly prisma: PrismaService,
    private readonly dispatcher: Dispatcher,
    @InjectQueue(CALLBACKS_QUEUE) private readonly callbacks: Queue,
    @Inject(REDIS) private readonly redis: Redis,
    private readonly env: Env,
  ) {}

  onApplicationBootstrap(): void {
    this.periodic.start(INTERVAL_MS);
  }

  async onModuleDestroy(): Promise<void> {
    await this.periodic.stop();
  }

  /** One round; a second call joins the round that is under way. Never throws: what fails is tried again. */
  sweep(): Promise<void> {
    return this.periodic.run();
  }

  private async round(): Promise<void> {
    try {
      await this.endUnclaimed();
      await this.endLost();
      await this.repeatCallbacks();
    } catch (error) {
      // What was seen before an outage says nothing about afterwards.
      this.lapsed.clear();
      throw error;
    }
  }

  /** Streams that an API process began and did not live to end. */
  private async endUnclaimed(): Promise<void> {
    const found = await this.prisma.$queryRaw<{ id: string }[]>`
      SELECT id FROM streams WHERE state <> 'ended' AND owner_node IS NULL AND created_at < clock_timestamp() - ${2 * this.env.ANSWER_TIMEOUT_MS} * interval '1 millisecond' LIMIT ${BATCH}`;
    for (const { id } of found) await endStream(this.prisma, id, { reason: 'no_answer' }, { ownerNode: null });
  }

  /**
   * Streams of nodes that went away. A pipeline waits ORPHAN_TIMEOUT_MS for the next worker of its node; before that is over,
   * it may be adopted, and it forwards: a stream is not lost while that may be. When the database comes back after an outage,
   * every lease has run out and the nodes are about to renew theirs (at each third of a lease): so only what is still lapsed
   * half a lease later is lost.
   */
  private async endLost(): Promise<void> {
    const goneAfterMs = this.env.ORPHAN_TIMEOUT_MS + CLOSING_MS;
    const found = await this.prisma.$queryRaw<{ id: string; epoch: number }[]>`
      SELECT id, epoch FROM streams
      WHERE state <> 'ended' AND lease_until < clock_timestamp() - ${goneAfterMs} * interval '1 millisecond' LIMIT ${BATCH}`;
    const now = performance.now();
    const lapsed = new Map(
      found.map(({ id, epoch }) => {
        const before = this.lapsed.get(id);
        return [id, before?.epoch === epoch ? before : { epoch, since: now }];
      }),
    );
    this.lapsed = lapsed;
    for (const [id, { epoch, since }] of lapsed) {
      if (now - since < this.env.LEASE_MS / 2) continue;
      const ended = await endStream(this.prisma, id, { reason: 'node_lost' }, { epoch });
      if (ended === null) continue;
      this.logger.warn(`stream ${id} was lost with its node`);
      if (ended.ownerNode !== null) this.dispatcher.tellEnded(ended.ownerNode, id, 'node_lost');
    }
  }

  /** As many as run and still wait for an answer: not a batch, or the lost one might never be in it. */
  private async repeatCallbacks(): Promise<void> {
    const found = await this.prisma.$queryRaw<{ id: string }[]>`
      SELECT id FROM streams
      WHERE state <> 'ended' AND callback_state IN ('pending', 'retrying')
        AND created_at < clock_timestamp() - ${CALLBACK_GRACE_MS} * interval '1 millisecond'`;
    for (let at = 0; at < found.length; at += LOOKUPS) {
      for (const id of await this.withoutJob(found.slice(at, at + LOOKUPS).map((stream) => stream.id))) {
        this.logger.warn(`the callback of stream ${id} was lost and is repeated`);
        await this.dispatcher.requestCallback(id);
      }
    }
  }

  /** Only whether each job is there: reading them would fetch as many as run, whole, one after the other. */
  private async withoutJob(streamIds: string[]): Promise<string[]> {
    const pipeline = this.redis.pipeline();
    for (const id of streamIds) pipeline.exists(this.callbacks.toKey(id));
    const answers = (await pipeline.exec()) ?? [];
    return streamIds.filter((_, i) => {
      const [error, exists] = answers[i] ?? [new Error('Redis did not answer'), 0];
      if (error) throw error;
      return exists === 0;
    });
  }
}
