import { Module } from '@nestjs/common';
import { ConfigModule } from '#libs/config';
import { DbModule } from '#libs/db';
import { QueueModule } from '#libs/queue';
import { AuthModule } from './auth/auth.module.js';
import { CallbackClient } from './callback/callback.client.js';
import { CallbackProcessor } from './callback/callback.processor.js';
import { CallbackRecorder } from './callback/callback.recorder.js';
import { DeliveryController } from './callback/delivery.controller.js';
import { Sweeper } from './callback/sweeper.js';
import { EntryPointController } from './entry-point/entry-point.controller.js';
import { EntryPointService } from './entry-point/entry-point.service.js';
import { EventController } from './event/event.controller.js';
import { HealthController } from './health/health.controller.js';
import { NodeController } from './node/node.controller.js';
import { ProjectController } from './project/project.controller.js';
import { ProjectService } from './project/project.service.js';
import { PublishTokenController } from './publish-token/publish-token.controller.js';
import { SettingsController } from './settings/settings.controller.js';
import { Dispatcher } from './stream/dispatcher.js';
import { PublishService } from './stream/publish.service.js';
import { StreamController } from './stream/stream.controller.js';
import { StreamService } from './stream/stream.service.js';
import { TransferController } from './transfer/transfer.controller.js';
import { TransferService } from './transfer/transfer.service.js';
import { WhipController } from './whip/whip.controller.js';
import { WhipService } from './whip/whip.service.js';

@Module({
  imports: [ConfigModule, DbModule, QueueModule, AuthModule],
  controllers: [
    HealthController,
    ProjectController,
    EntryPointController,
    SettingsController,
    PublishTokenController,
    DeliveryController,
    StreamController,
    TransferController,
    EventController,
    NodeController,
    WhipController,
  ],
  providers: [ProjectService, EntryPointService, StreamService, TransferService, Dispatcher, PublishService, WhipService, CallbackClient, CallbackRecorder, CallbackProcessor, Sweeper],
})
export class AppModule {}
