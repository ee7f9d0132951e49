import { type BeforeApplicationShutdown, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { Env } from '#libs/config';
import { Announcement } from './node/announcement.js';
import { FiguresBoard } from './node/figures-board.js';
import { NodeService } from './node/node.service.js';
import { RunDir } from './supervisor/run-dir.js';
import { Intake } from './streams/intake.js';
import { Runners } from './streams/runners.js';
import type { StreamRunner } from './streams/stream-runner.js';

/** From the signal on. Longer than a pipeline takes to close its outputs, shorter than what kills a process that is told to stop. */
const SHUTDOWN_MS = 8000;
/** How often it is looked whether a draining node is empty. */
const DRAIN_LOOK_MS = 200;

/** The worker's life: what begins and ends in which order. */
@Injectable()
export class WorkerService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(WorkerService.name);
  private left = false;

  constructor(
    private readonly env: Env,
    private readonly runDir: RunDir,
    private readonly intake: Intake,
    private readonly node: NodeService,
    private readonly announcement: Announcement,
    private readonly figures: FiguresBoard,
    private readonly runners: Runners,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.runDir.acquire();
    // Before the node is known: a request about an old stream must find it.
    await this.intake.start();
    await this.node.start();
    await this.announcement.start();
    this.figures.start();
    this.logger.log('ready for streams');
  }

  /** SIGTERM: no new streams; those that run may end by themselves until DRAIN_MS is over, and then every stream ends here, orderly. Runs before the connections to Postgres and Redis close. */
  async beforeApplicationShutdown(): Promise<void> {
    if (this.left) return;
    this.runners.draining = true;
    await this.announcement.announce();
    if (this.env.DRAIN_MS > 0) await this.drain(this.env.DRAIN_MS);
    // Streams that run do not wait for the queue, which may take seconds; what its last jobs begin meanwhile follows.
    const running = this.runners.all.filter(({ isRunning }) => isRunning);
    const stopped = Promise.all([this.stop(running), this.intake.stop().then(() => this.stop(this.runners.all))]);
    await Promise.race([stopped, sleep(SHUTDOWN_MS, undefined, { ref: false })]);
    this.node.stop();
    this.figures.stop();
    await this.announcement.withdraw();
    this.runDir.release();
  }

  /**
   * For an upgrade: the pipelines go on, and the next worker of this node adopts them. The node stays announced: its slots are
   * as free as before, and publishers who come now wait in the queue for the moment until that worker looks.
   */
  async leaveRunning(): Promise<void> {
    this.left = true;
    this.announcement.stop();
    this.figures.stop();
    await this.intake.stop();
    await Promise.all(this.runners.all.map((runner) => runner.handOver()));
    this.runDir.release();
  }

  private async stop(runners: StreamRunner[]): Promise<void> {
    await Promise.all(runners.map((runner) => runner.stop('service_shutdown')));
  }

  /** Waits until no stream is left, for `ms` at most, or until told to end once more. */
  private async drain(ms: number): Promise<void> {
    let isHurried = false;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => (isHurried = true));
    this.logger.log(`takes no new streams, and waits up to ${ms} ms for ${this.runners.used}`);
    await this.intake.stopJobs();
    for (const deadline = performance.now() + ms; this.runners.used > 0 && !isHurried && performance.now() < deadline;)
      await sleep(DRAIN_LOOK_MS);
  }
}
