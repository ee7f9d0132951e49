import { Module } from '@nestjs/common';
import { AskingModule } from '../callback/asking.module.js';
import { PublishAccess } from '../publish-token/publish-access.js';
import { PublishTokenController } from '../publish-token/publish-token.controller.js';
import { AutoRepublish } from '../push/auto-republish.js';
import { PushSettingsService } from '../push/push-settings.service.js';
import { Admission } from '../stream-auth/admission.js';
import { TransferController } from '../transfer/transfer.controller.js';
import { TransferService } from '../transfer/transfer.service.js';
import { WhipService } from '../whip/whip.service.js';
import { Dispatcher } from './dispatcher.js';
import { PublishService } from './publish.service.js';
import { AllStreamsController, StreamController } from './stream.controller.js';
import { StreamService } from './stream.service.js';

/** Streams, how they come in, and where they go. */
@Module({
  imports: [AskingModule],
  controllers: [StreamController, AllStreamsController, TransferController, PublishTokenController],
  providers: [Admission, AutoRepublish, Dispatcher, PublishAccess, PublishService, PushSettingsService, StreamService, TransferService, WhipService],
  exports: [Dispatcher, PublishAccess, PublishService, PushSettingsService, StreamService, TransferService, WhipService],
})
export class StreamModule {}
