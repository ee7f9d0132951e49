import { Module } from '@nestjs/common';
import { TransferModule } from '../../streams/transfers/transfer.module.js';
import { RepublishModule } from '../republish/republish.module.js';
import { PublisherPushes } from './publisher-pushes.js';
import { PushController } from './push.controller.js';
import { PushService } from './push.service.js';
import { RestListener } from './rest-listener.js';

/** Flashphoner's republishing over REST. */
@Module({
  imports: [TransferModule, RepublishModule],
  controllers: [PushController],
  providers: [PushService, PublisherPushes, RestListener],
  exports: [PublisherPushes],
})
export class PushModule {}
