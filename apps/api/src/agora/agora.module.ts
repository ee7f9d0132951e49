import { Module } from '@nestjs/common';
import { StreamModule } from '../streams/stream.module.js';
import { BanController } from './ban/ban.controller.js';
import { BanService } from './ban/ban.service.js';
import { NotOursController } from './not-ours.controller.js';
import { ReportController } from './report/report.controller.js';
import { ReportService } from './report/report.service.js';
import { StreamAuthModule } from './stream-auth/stream-auth.module.js';

/** What of Agora's API is not about transfers. */
@Module({
  imports: [StreamModule, StreamAuthModule],
  controllers: [BanController, ReportController, NotOursController],
  providers: [BanService, ReportService],
})
export class AgoraModule {}
