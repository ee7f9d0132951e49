import { Module } from '@nestjs/common';
import { PushModule } from '../../flashphoner/rest/push.module.js';
import { PublishModule } from '../publish/publish.module.js';
import { TokenModule } from '../tokens/token.module.js';
import { WhipController } from './whip.controller.js';
import { WhipLimit } from './whip-limit.js';
import { WhipService } from './whip.service.js';

/** Publishing by WHIP. */
@Module({
  imports: [PublishModule, PushModule, TokenModule],
  controllers: [WhipController],
  providers: [WhipLimit, WhipService],
  exports: [WhipLimit, WhipService],
})
export class WhipModule {}
