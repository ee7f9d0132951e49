import { Module } from '@nestjs/common';
import { AutoRepublish } from './auto-republish.js';
import { PushSettingsController } from './push-settings.controller.js';
import { PushSettingsService } from './push-settings.service.js';

/** An entry point's push settings, and the servers that every stream of it goes to. */
@Module({
  controllers: [PushSettingsController],
  providers: [AutoRepublish, PushSettingsService],
  exports: [AutoRepublish, PushSettingsService],
})
export class RepublishModule {}
