import { Injectable } from '@nestjs/common';
import { AdoptionService } from '../supervisor/adoption.service.js';
import { PipelinePool } from '../supervisor/pipeline-pool.js';
import { LeaseService } from './lease.service.js';
import { MemoryWatch } from './memory-watch.js';
import { Runners } from './runners.js';
import { StreamRows } from './stream-rows.js';
import { StreamsProcessor } from './streams.processor.js';

/** How this node comes to its streams and keeps them: what runs already is adopted first, then jobs are taken. */
@Injectable()
export class Intake {
  constructor(
    private readonly rows: StreamRows,
    private readonly adoption: AdoptionService,
    private readonly leases: LeaseService,
    private readonly memory: MemoryWatch,
    private readonly pool: PipelinePool,
    private readonly processor: StreamsProcessor,
    private readonly runners: Runners,
  ) {}

  /** Resolves when the streams of an earlier worker are adopted, and jobs are taken. */
  async start(): Promise<void> {
    await this.rows.writeKeptEnds();
    await this.adoption.adoptAll();
    this.leases.start();
    this.memory.start();
    this.pool.refill();
    this.processor.start();
  }

  /** Takes no more jobs; the streams that run are kept. */
  async stopJobs(): Promise<void> {
    await this.processor.stop();
  }

  /** Takes nothing more, and keeps nothing: leases are not renewed, and warm pipelines end. */
  async stop(): Promise<void> {
    this.runners.draining = true;
    this.leases.stop();
    this.memory.stop();
    await Promise.all([this.pool.close(), this.processor.stop()]);
  }
}
