import { Injectable, Logger } from '@nestjs/common';
import { Env } from '#libs/config';
import { Runners } from './runners.js';
import { StreamRows } from './stream-rows.js';

/** Keeps this node's streams its own. Those of nodes that went away are ended by the API's sweeper. */
@Injectable()
export class LeaseService {
  private readonly logger = new Logger(LeaseService.name);
  private timer: NodeJS.Timeout | null = null;
  private renewing = false;

  constructor(
    private readonly env: Env,
    private readonly rows: StreamRows,
    private readonly runners: Runners,
  ) {}

  start(): void {
    this.timer = setInterval(() => {
      this.renew().catch((error: unknown) => this.logger.error(error));
    }, this.env.LEASE_MS / 3);
  }

  stop(): void {
    if (this.timer) clearInterval(this.timer);
  }

  /** Renews all leases at once. A stream that is not ours any more is let go; while Postgres is away, media goes on. */
  async renew(): Promise<void> {
    const mine = this.runners.all;
    if (mine.length === 0 || this.renewing) return;
    this.renewing = true;
    try {
      const renewed = await this.rows.renew(mine.map(({ leased }) => leased));
      const lost = mine.filter((runner) => !renewed.has(runner.id) && this.runners.get(runner.id) === runner);
      for (const runner of lost)
        runner.fence().catch((error: unknown) => this.logger.error(`stream ${runner.id}: ${String(error)}`));
      // What was missed while the database was away (a lost request, too) is made up for here.
      await Promise.allSettled(this.runners.all.map((runner) => runner.syncTransfers()));
    } catch (error) {
      this.logger.warn(`leases not renewed: ${(error as Error).message.slice(0, 200)}`);
    } finally {
      this.renewing = false;
    }
  }
}
