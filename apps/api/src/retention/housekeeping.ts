import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Env } from '#libs/config';
import { Prisma, PrismaService } from '#libs/db';
import { Periodic } from '../background/periodic.js';
import { deleteRows, deleteStreams } from './delete-rows.js';
import { Purge } from './purge.js';

const INTERVAL_MS = 3_600_000;
const DAY_MS = 86_400_000;
const IDEMPOTENCY_KEYS_DAYS = 1;
/** Secrets that are over: long enough for whoever asks what became of one. */
const DEAD_SECRETS_DAYS = 30;

/** Deletes what has been kept long enough, in small steps. */
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

  onApplicationBootstrap(): void {
    this.periodic.start(INTERVAL_MS);
  }

  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    await this.periodic.stop();
  }

  /** Returns how many rows went. Never throws: what is left is deleted at the next run. */
  async clean(): Promise<number> {
    const { KEEP_DELIVERIES_DAYS, KEEP_EVENTS_DAYS, KEEP_STREAMS_DAYS } = this.env;
    const old: [table: string, condition: Prisma.Sql][] = [
      ['callback_deliveries', Prisma.sql`created_at < ${daysAgo(KEEP_DELIVERIES_DAYS)}`],
      ['events', Prisma.sql`at < ${daysAgo(KEEP_EVENTS_DAYS)}`],
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
    let deleted = 0;
    for (const [table, condition] of old) {
      try {
        const isStopped = (): boolean => this.stopped;
        deleted +=
          table === 'streams'
            ? await deleteStreams(this.prisma, condition, 'without history', isStopped)
            : await deleteRows(this.prisma, table, condition, isStopped);
      } catch (error) {
        // One table that cannot be cleaned must not let the others grow.
        this.logger.warn(`${table} not cleaned up: ${String(error).slice(0, 200)}`);
      }
    }
    if (deleted > 0) this.logger.log(`${deleted} old rows deleted`);
    return deleted;
  }
}

const daysAgo = (days: number): Date => new Date(Date.now() - days * DAY_MS);
