import { Injectable, Logger } from '@nestjs/common';
import { Env, VERSION } from '#libs/config';
import { Registry } from '#libs/queue';
import { Runners } from '../streams/runners.js';
import { CpuLoad } from './cpu-load.js';

const ANNOUNCE_MS = 2000;

/** Says to the API, every two seconds, that this node is there and what it has room for. */
@Injectable()
export class Announcement {
  private readonly logger = new Logger(Announcement.name);
  private readonly startedAt = new Date().toISOString();
  private readonly load = new CpuLoad();
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly env: Env,
    private readonly registry: Registry,
    private readonly runners: Runners,
  ) {}

  async start(): Promise<void> {
    await this.announce();
    this.timer = setInterval(() => {
      this.announce().catch((error: unknown) => this.logger.error(error));
    }, ANNOUNCE_MS);
  }

  /** Says now what has changed (draining, say). */
  async announce(): Promise<void> {
    const { NODE_ID: nodeId, NODE_SLOTS: slots } = this.env;
    const { used, draining } = this.runners;
    await this.registry
      .announce({ nodeId, slots, used, draining, cpu: this.load.read(), version: VERSION, startedAt: this.startedAt })
      .catch((error: unknown) => {
        this.logger.warn(`not announced: ${String(error)}`);
      });
  }

  /** What was announced last is believed until it is too old. */
  stop(): void {
    if (this.timer) clearInterval(this.timer);
  }

  /** The node is gone from now on. */
  async withdraw(): Promise<void> {
    this.stop();
    await this.registry
      .withdraw(this.env.NODE_ID)
      .catch((error: unknown) => this.logger.warn(`not withdrawn: ${String(error)}`));
  }
}
