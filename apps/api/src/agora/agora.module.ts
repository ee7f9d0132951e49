import { Module } from '@nestjs/common';
import { BanController } from './ban/ban.controller.js';
import { BanService } from './ban/ban.service.js';
import { ReportController } from './report/report.controller.js';
import { ReportService } from './report/report.service.js';
import { StreamAuthController } from './stream-auth/stream-auth.controller.js';
import { StreamAuthSettings } from './stream-auth/stream-auth-settings.js';
import { StreamModule } from '../streams/stream.module.js';
import { NotOursController } from './not-ours.controller.js';

/** What of Agora's API is not about transfers. */
@Module({
  imports: [StreamModule],
  controllers: [BanController, ReportController, StreamAuthController, NotOursController],
  providers: [BanService, ReportService, StreamAuthSettings],
})
export class AgoraModule {}
