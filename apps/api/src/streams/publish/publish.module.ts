import { Module } from '@nestjs/common';
import { StreamAuthModule } from '../../agora/stream-auth/stream-auth.module.js';
import { RepublishModule } from '../../flashphoner/republish/republish.module.js';
import { Dispatcher } from './dispatcher.js';
import { LostStreams } from './lost-streams.js';
import { NewStream } from './new-stream.js';
import { PublishService } from './publish.service.js';
import { RunningStream } from './running-stream.js';

/** From a publisher's offer to the node that answers it. */
@Module({
  imports: [StreamAuthModule, RepublishModule],
  providers: [Dispatcher, LostStreams, NewStream, PublishService, RunningStream],
  exports: [Dispatcher, LostStreams, PublishService],
})
export class PublishModule {}
