import { Module } from '@nestjs/common';
import { ConfigModule } from '#libs/config';
import { DbModule } from '#libs/db';
import { QueueModule } from '#libs/queue';
import { AdoptionService } from './adoption.service.js';
import { LeaseService } from './lease.service.js';
import { MemoryWatch } from './memory-watch.js';
import { NodeService } from './node.service.js';
import { PipelinePool } from './pipeline-pool.js';
import { PipelineProgram, PipelineStarter } from './pipeline-starter.js';
import { Prober } from './prober.js';
import { Runners } from './runners.js';
import { StreamRows } from './stream-rows.js';
import { StreamsProcessor } from './streams.processor.js';
import { WorkerService } from './worker.service.js';

@Module({
  imports: [ConfigModule, DbModule, QueueModule],
  providers: [
    PipelineProgram,
    PipelineStarter,
    PipelinePool,
    Prober,
    StreamRows,
    Runners,
    StreamsProcessor,
    NodeService,
    LeaseService,
    AdoptionService,
    MemoryWatch,
    WorkerService,
  ],
})
export class WorkerModule {}
