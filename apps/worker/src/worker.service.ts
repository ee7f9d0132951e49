import { type BeforeApplicationShutdown, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { AdoptionService } from './adoption.service.js';
import { LeaseService } from './lease.service.js';
import { NodeService } from './node.service.js';
import { PipelinePool } from './pipeline-pool.js';
import { Runners } from './runners.js';
import { StreamRows } from './stream-rows.js';
import { StreamsProcessor } from './streams.processor.js';

/** From the signal on. Longer than a pipeline takes to close its outputs, shorter than what kills a process that is told to stop. */
const SHUTDOWN_MS = 8000;

/** The worker's life: what begins and ends in which order. */
@Injectable()
export class WorkerService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(WorkerService.name);
  private left = false;

  constructor(
    private readonly adoption: AdoptionService,
    private readonly pool: PipelinePool,
    private readonly node: NodeService,
    private readonly leases: LeaseService,
    private readonly processor: StreamsProcessor,
    private readonly runners: Runners,
    private readonly rows: StreamRows,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.rows.writeKeptEnds();
    // Before the node is known: a request about an old stream must find it.
    await this.adoption.adoptAll();
    this.leases.start();
    this.pool.refill();
    this.processor.start();
    await this.node.start();
    this.logger.log('ready for streams');
  }

  /** SIGTERM: every stream ends here, orderly. Runs before the connections to Postgres and Redis close. */
  async beforeApplicationShutdown(): Promise<void> {
    if (this.left) return;
    const deadline = performance.now() + SHUTDOWN_MS;
    await this.drain();
    const stops = Promise.all(this.runners.all.map((runner) => runner.stop('service_shutdown')));
    await Promise.race([stops, sleep(deadline - performance.now(), undefined, { ref: false })]);
    await this.node.withdraw();
  }

  /** For an upgrade: the pipelines go on, and the next worker of this node adopts them. */
  async leaveRunning(): Promise<void> {
    this.left = true;
    await this.drain();
    await Promise.all(this.runners.all.map((runner) => runner.leave()));
    await this.node.withdraw();
  }

  private async drain(): Promise<void> {
    this.runners.draining = true;
    await this.node.announce();
    this.leases.stop();
    this.pool.close();
    await this.processor.stop();
  }
}
