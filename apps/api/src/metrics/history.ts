import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { Env } from '#libs/config';
import { PrismaService } from '#libs/db';
import { REDIS } from '#libs/queue';
import { Periodic } from '../background/periodic.js';
import type { HistoryPoint } from './metrics.dto.js';

const MINUTE_MS = 60_000;
const KEPT = 1440;
const CHECK_MS = 5000;

/** Keys: the list, the mark of this minute. Arguments: the point, how long the mark is kept (ms), the last index of the list. */
const WRITE_ONCE = `
  if redis.call('set', KEYS[2], '1', 'PX', ARGV[2], 'NX') then
    redis.call('lpush', KEYS[1], ARGV[1])
    redis.call('ltrim', KEYS[1], 0, ARGV[3])
  end`;

/** Keeps a day of figures in Redis, a point per minute; one API process writes each. */
@Injectable()
export class History implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger(History.name);
  private readonly key: string;
  private readonly periodic = new Periodic(this.logger, 'history', () => this.note());
  private noted = 0;

  constructor(
    private readonly prisma: PrismaService,
    @Inject(REDIS) private readonly redis: Redis,
    env: Env,
  ) {
    this.key = `${env.REDIS_PREFIX}:history`;
  }

  onApplicationBootstrap(): void {
    this.periodic.start(CHECK_MS);
  }

  async onModuleDestroy(): Promise<void> {
    await this.periodic.stop();
  }

  /** The last `minutes`, oldest first, up to the present one. */
  async points(minutes: number): Promise<HistoryPoint[]> {
    const texts = await this.redis.lrange(this.key, 0, minutes - 1);
    const present = await this.read(Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS);
    return [...texts.map((text) => JSON.parse(text) as HistoryPoint).toReversed(), present].slice(-minutes);
  }

  /** Writes the minute that is just over, unless somebody has. */
  private async note(): Promise<void> {
    const minute = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS - MINUTE_MS;
    if (minute === this.noted) return;
    // Read first: a minute that is marked as written, and is not, would be missing.
    const point = await this.read(minute);
    await this.redis.eval(
      WRITE_ONCE,
      2,
      this.key,
      `${this.key}:${minute}`,
      JSON.stringify(point),
      2 * MINUTE_MS,
      KEPT - 1,
    );
    this.noted = minute;
  }

  private async read(minute: number): Promise<HistoryPoint> {
    const [from, to] = [new Date(minute), new Date(minute + MINUTE_MS)];
    const [row] = await this.prisma.$queryRaw<Omit<HistoryPoint, 'at'>[]>`
      SELECT
        (SELECT count(*)::int FROM streams WHERE state <> 'ended') AS "streams", "transfersLive", "transfersFailing",
        (SELECT count(*)::int FROM events WHERE type = 'stream.starting' AND at >= ${from} AND at < ${to}) AS "arrivals",
        (SELECT count(*)::int FROM callback_deliveries WHERE outcome = 'ok' AND created_at >= ${from} AND created_at < ${to}) AS "callbacksOk",
        (SELECT count(*)::int FROM callback_deliveries WHERE outcome <> 'ok' AND created_at >= ${from} AND created_at < ${to}) AS "callbacksFailed"
      FROM (
        SELECT (count(*) FILTER (WHERE transfers.state = 'live'))::int AS "transfersLive",
          (count(*) FILTER (WHERE transfers.state IN ('reconnecting', 'failed')))::int AS "transfersFailing"
        FROM transfers JOIN streams ON streams.id = stream_id WHERE streams.state <> 'ended' AND transfers.ended_at IS NULL
      ) transfers`;
    if (row === undefined) throw new Error('a query of counts returned no row');
    return { at: from.toISOString(), ...row };
  }
}
