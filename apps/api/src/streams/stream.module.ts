import { Module } from '@nestjs/common';
import { AskingModule } from '../callback/asking.module.js';
import { PublishAccess } from './tokens/publish-access.js';
import { PublishTokenController } from './tokens/publish-token.controller.js';
import { AutoRepublish } from '../flashphoner/republish/auto-republish.js';
import { PushSettingsService } from '../flashphoner/republish/push-settings.service.js';
import { Admission } from '../agora/stream-auth/admission.js';
import { TransferController } from './transfers/transfer.controller.js';
import { TransferService } from './transfers/transfer.service.js';
import { WhipService } from './whip/whip.service.js';
import { Dispatcher } from './publish/dispatcher.js';
import { NewStream } from './publish/new-stream.js';
import { PublishService } from './publish/publish.service.js';
import { RunningStream } from './publish/running-stream.js';
import { AllStreamsController, StreamController } from './stream.controller.js';
import { StreamService } from './stream.service.js';

/** Streams, how they come in, and where they go. */
@Module({
  imports: [AskingModule],
  controllers: [StreamController, AllStreamsController, TransferController, PublishTokenController],
  providers: [Admission, AutoRepublish, Dispatcher, NewStream, PublishAccess, PublishService, RunningStream, PushSettingsService, StreamService, TransferService, WhipService],
  exports: [Dispatcher, PublishAccess, PublishService, PushSettingsService, StreamService, TransferService, WhipService],
})
export class StreamModule {}
