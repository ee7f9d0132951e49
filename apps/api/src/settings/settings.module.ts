import { Module } from '@nestjs/common';
import { CallbackModule } from '../callback/callback.module.js';
import { DestinationProber } from './destination-prober.js';
import { SettingsTester } from './settings-tester.js';
import { SettingsController } from './settings.controller.js';
import { SettingsService } from './settings.service.js';

@Module({
  imports: [CallbackModule],
  controllers: [SettingsController],
  providers: [DestinationProber, SettingsService, SettingsTester],
})
export class SettingsModule {}
