import { InjectQueue } from '@nestjs/bullmq';
import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Queue } from 'bullmq';
import { Env } from '#libs/config';
import { PrismaService } from '#libs/db';
import { CALLBACKS_QUEUE } from '#libs/queue';
import { Dispatcher } from '../stream/dispatcher.js';
import { endStream } from '../stream/end-stream.js';
import { isUnavailable, within } from '../unavailable.js';

const INTERVAL_MS = 10_000;
/** A job that is only just being added is not lost. */
const CALLBACK_GRACE_MS = 10_000;
/** Workers end each other's lost streams sooner; this is for when none is left. */
const LEASE_GRACE_MS = 15_000;
const BATCH = 100;
const QUEUE_DEADLINE_MS = 1000;

/** Makes up for what was lost between two steps: rows are written before jobs, so rows say what is missing. */
@Injectable()
export class Sweeper implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger(Sweeper.name);
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly prisma: PrismaService,
    private readonly dispatcher: Dispatcher,
    @InjectQueue(CALLBACKS_QUEUE) private readonly callbacks: Queue,
    private readonly env: Env,
  ) {}

  onApplicationBootstrap(): void {
    // API processes that were started together shall not sweep together.
    this.timer = setInterval(() => void this.sweep(), INTERVAL_MS * (0.8 + 0.4 * Math.random()));
  }

  onModuleDestroy(): void {
    if (this.timer) clearInterval(this.timer);
  }

  async sweep(): Promise<void> {
    try {
      await this.endUnclaimed();
      await this.endLost();
      await this.repeatCallbacks();
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      this.logger.warn(`not swept: ${(error as Error).message.slice(0, 200)}`);
    }
  }

  /** Streams that an API process began and did not live to end. */
  private async endUnclaimed(): Promise<void> {
    const createdAt = { lt: new Date(Date.now() - 2 * this.env.ANSWER_TIMEOUT_MS) };
    const only = { ownerNode: null, createdAt };
    const found = await this.prisma.stream.findMany({ where: { ...only, state: { not: 'ended' } }, select: { id: true }, take: BATCH });
    for (const { id } of found) await endStream(this.prisma, id, { reason: 'no_answer' }, only);
  }

  private async endLost(): Promise<void> {
    const lost = await this.prisma.$queryRaw<{ id: string; epoch: number }[]>`
      SELECT id, epoch FROM streams
      WHERE state <> 'ended' AND lease_until < clock_timestamp() - ${LEASE_GRACE_MS} * interval '1 millisecond' LIMIT ${BATCH}`;
    for (const { id, epoch } of lost) {
      if (await endStream(this.prisma, id, { reason: 'node_lost' }, { epoch })) this.logger.warn(`stream ${id} was lost with its node`);
    }
  }

  private async repeatCallbacks(): Promise<void> {
    const createdAt = { lt: new Date(Date.now() - CALLBACK_GRACE_MS) };
    const found = await this.prisma.stream.findMany({
      where: { state: { not: 'ended' }, callbackState: { in: ['pending', 'retrying'] }, createdAt },
      select: { id: true },
      take: BATCH,
    });
    for (const { id } of found) {
      const job = await within(QUEUE_DEADLINE_MS, 'looking for a callback job', this.callbacks.getJob(id));
      if (job !== undefined) continue;
      this.logger.warn(`the callback of stream ${id} was lost and is repeated`);
      await this.dispatcher.requestCallback(id);
    }
  }
}
