import type { Logger } from '@nestjs/common';
import { isUnavailable } from '../http/unavailable.js';

/** API processes that were started together do not all work at the same moment: each takes 80 to 120 % of the interval. */
const spread = (): number => 0.8 + 0.4 * Math.random();

/** Work that a service repeats for as long as the process lives. One round at a time; a round that fails is logged, and the next one tries again. */
export class Periodic {
  private timer: NodeJS.Timeout | null = null;
  private round: Promise<void> | null = null;

  /** @param what the work, as the log names it. */
  constructor(
    private readonly logger: Logger,
    private readonly what: string,
    private readonly work: () => Promise<unknown>,
  ) {}

  start(everyMs: number): void {
    this.timer = setInterval(() => {
      this.run().catch((error: unknown) => this.logger.error(error));
    }, everyMs * spread());
  }

  /** A round now, or the one that is under way. Never rejects. */
  run(): Promise<void> {
    this.round ??= this.once().finally(() => (this.round = null));
    return this.round;
  }

  /** No round begins any more; resolves when the last one is over. */
  async stop(): Promise<void> {
    if (this.timer !== null) clearInterval(this.timer);
    await this.round;
  }

  private async once(): Promise<void> {
    try {
      await this.work();
    } catch (error) {
      if (isUnavailable(error))
        this.logger.warn(`${this.what} put off: ${String((error as Error).message).slice(0, 200)}`);
      else this.logger.error(error);
    }
  }
}
