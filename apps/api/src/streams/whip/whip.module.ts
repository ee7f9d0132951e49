import { Module } from '@nestjs/common';
import { PushModule } from '../../flashphoner/rest/push.module.js';
import { StreamModule } from '../stream.module.js';
import { WhipController } from './whip.controller.js';
import { WhipLimit } from './whip-limit.js';

@Module({ imports: [StreamModule, PushModule], controllers: [WhipController], providers: [WhipLimit], exports: [WhipLimit] })
export class WhipModule {}
