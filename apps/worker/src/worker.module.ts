import { Module } from '@nestjs/common';
import { ConfigModule } from '#libs/config';
import { DbModule } from '#libs/db';
import { QueueModule } from '#libs/queue';
import { AdoptionService } from './supervisor/adoption.service.js';
import { Intake } from './streams/intake.js';
import { LeaseService } from './streams/lease.service.js';
import { Announcement } from './node/announcement.js';
import { FiguresBoard } from './node/figures-board.js';
import { NodeService } from './node/node.service.js';
import { Prober } from './node/prober.js';
import { MemoryWatch } from './streams/memory-watch.js';
import { PipelinePool } from './supervisor/pipeline-pool.js';
import { PipelineProgram, PipelineStarter } from './supervisor/pipeline-starter.js';
import { RunDir } from './supervisor/run-dir.js';
import { Runners } from './streams/runners.js';
import { StreamRows } from './streams/stream-rows.js';
import { StreamsProcessor } from './streams/streams.processor.js';
import { TransferRows } from './streams/transfer-rows.js';
import { WorkerService } from './worker.service.js';

@Module({
  imports: [ConfigModule, DbModule, QueueModule],
  providers: [
    RunDir,
    PipelineProgram,
    PipelineStarter,
    PipelinePool,
    Prober,
    StreamRows,
    TransferRows,
    FiguresBoard,
    Runners,
    StreamsProcessor,
    NodeService,
    Announcement,
    LeaseService,
    AdoptionService,
    MemoryWatch,
    Intake,
    WorkerService,
  ],
})
export class WorkerModule {}
