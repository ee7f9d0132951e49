import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Env } from '#libs/config';
import { Prisma, PrismaService } from '#libs/db';
import { Periodic } from '../background/periodic.js';
import { arrangeDays, type DayTable, oldRowsAmongNew } from './days.js';
import { deleteRows, deleteStreams } from './delete-rows.js';
import { Purge } from './purge.js';

const INTERVAL_MS = 3_600_000;
const DAY_MS = 86_400_000;
const IDEMPOTENCY_KEYS_DAYS = 1;
/** Secrets that are over: long enough for whoever asks what became of one. */
const DEAD_SECRETS_DAYS = 30;

/** Deletes what has been kept long enough: whole days of events and deliveries, all else in small steps. Makes the partitions of the days to come. */
@Injectable()
export class Housekeeping implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger(Housekeeping.name);
  private readonly periodic = new Periodic(this.logger, 'housekeeping', () => this.clean());
  private stopped = false;

  constructor(
    private readonly prisma: PrismaService,
    private readonly env: Env,
    private readonly purge: Purge,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.periodic.start(INTERVAL_MS);
    for (const [table, keepDays] of this.dayTables())
      await this.tried(table, async () => {
        await this.arrange(table, keepDays);
      });
  }

  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    await this.periodic.stop();
  }

  /** Returns how many rows were deleted one by one. Never throws: what is left is deleted at the next run. */
  async clean(): Promise<number> {
    const { KEEP_STREAMS_DAYS } = this.env;
    const old: [table: string, condition: Prisma.Sql][] = [
      ['streams', Prisma.sql`state = 'ended' AND ended_at < ${daysAgo(KEEP_STREAMS_DAYS)}`],
      ['last_answers', Prisma.sql`answered_at < ${daysAgo(KEEP_STREAMS_DAYS)}`],
      ['idempotency_keys', Prisma.sql`created_at < ${daysAgo(IDEMPOTENCY_KEYS_DAYS)}`],
      [
        'credentials',
        Prisma.sql`revoked_at < ${daysAgo(DEAD_SECRETS_DAYS)} OR expires_at < ${daysAgo(DEAD_SECRETS_DAYS)}`,
      ],
      ['callback_secrets', Prisma.sql`expires_at < ${daysAgo(DEAD_SECRETS_DAYS)}`],
      ['rest_keys', Prisma.sql`expires_at < ${daysAgo(DEAD_SECRETS_DAYS)}`],
      ['banned_streams', Prisma.sql`resume_time < ${new Date()}`],
      ['dashboard_sessions', Prisma.sql`expires_at < ${new Date()}`],
    ];
    this.purge.begin();
    const isStopped = (): boolean => this.stopped;
    let deleted = 0;
    for (const [table, keepDays] of this.dayTables()) {
      await this.tried(table, async () => {
        await this.arrange(table, keepDays);
        const { partitions, condition } = await oldRowsAmongNew(this.prisma, table, keepDays);
        for (const partition of partitions) deleted += await deleteRows(this.prisma, partition, condition, isStopped);
      });
    }
    for (const [table, condition] of old) {
      await this.tried(table, async () => {
        deleted +=
          table === 'streams'
            ? await deleteStreams(this.prisma, condition, 'without history', isStopped)
            : await deleteRows(this.prisma, table, condition, isStopped);
      });
    }
    if (deleted > 0) this.logger.log(`${deleted} old rows deleted`);
    return deleted;
  }

  private dayTables(): [table: DayTable, keepDays: number][] {
    return [
      ['callback_deliveries', this.env.KEEP_DELIVERIES_DAYS],
      ['events', this.env.KEEP_EVENTS_DAYS],
    ];
  }

  private async arrange(table: DayTable, keepDays: number): Promise<void> {
    const { made, dropped } = await arrangeDays(this.prisma, table, keepDays);
    if (made + dropped > 0) this.logger.log(`partitions of ${table}: ${made} made, ${dropped} dropped`);
  }

  /** One table that cannot be cleaned must not let the others grow. */
  private async tried(table: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.logger.warn(`${table} not cleaned up: ${String(error).slice(0, 200)}`);
    }
  }
}

const daysAgo = (days: number): Date => new Date(Date.now() - days * DAY_MS);
