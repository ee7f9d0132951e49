import { Module } from '@nestjs/common';
import { PublishModule } from '../publish/publish.module.js';
import { Sweeper } from './sweeper.js';

/** Ends streams that were lost. */
@Module({ imports: [PublishModule], providers: [Sweeper] })
export class SweeperModule {}
