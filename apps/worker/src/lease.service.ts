import { Injectable, Logger } from '@nestjs/common';
import { Env } from '#libs/config';
import { Runners } from './runners.js';
import { StreamRows } from './stream-rows.js';

/** Keeps this node's streams its own, and ends those of nodes that went away. */
@Injectable()
export class LeaseService {
  private readonly logger = new Logger(LeaseService.name);
  private readonly timers: NodeJS.Timeout[] = [];
  private renewing = false;

  constructor(
    private readonly env: Env,
    private readonly rows: StreamRows,
    private readonly runners: Runners,
  ) {}

  start(): void {
    this.timers.push(setInterval(() => void this.renew(), this.env.LEASE_MS / 3));
    // Nodes that were started together shall not sweep together.
    this.timers.push(setInterval(() => void this.sweep(), this.env.LEASE_MS * (0.8 + 0.4 * Math.random())));
  }

  stop(): void {
    for (const timer of this.timers) clearInterval(timer);
  }

  /** Renews all leases at once. A stream that is not ours any more is let go; while Postgres is away, media goes on. */
  async renew(): Promise<void> {
    const mine = this.runners.all;
    if (mine.length === 0 || this.renewing) return;
    this.renewing = true;
    try {
      const renewed = await this.rows.renew(mine.map(({ held }) => held));
      for (const runner of mine) if (!renewed.has(runner.id) && this.runners.get(runner.id) === runner) runner.fence();
      // What was missed while the database was away (a lost request, too) is made up for here.
      await Promise.allSettled(this.runners.all.map((runner) => runner.syncTransfers()));
    } catch (error) {
      this.logger.warn(`leases not renewed: ${(error as Error).message.slice(0, 200)}`);
    } finally {
      this.renewing = false;
    }
  }

  private async sweep(): Promise<void> {
    try {
      const ended = await this.rows.sweep();
      if (ended > 0) this.logger.warn(`${ended} streams were lost with their nodes`);
    } catch (error) {
      this.logger.warn(`not swept: ${(error as Error).message.slice(0, 200)}`);
    }
  }
}
