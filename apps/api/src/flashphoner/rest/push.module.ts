import { Module } from '@nestjs/common';
import { StreamModule } from '../../streams/stream.module.js';
import { PublisherPushes } from '../republish/publisher-pushes.js';
import { PushController } from './push.controller.js';
import { PushService } from './push.service.js';
import { PushSettingsController } from '../republish/push-settings.controller.js';

/** Flashphoner's republishing over REST. */
@Module({ imports: [StreamModule], controllers: [PushController, PushSettingsController], providers: [PushService, PublisherPushes], exports: [PushService, PublisherPushes] })
export class PushModule {}
