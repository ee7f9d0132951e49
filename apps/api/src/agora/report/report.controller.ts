import { Controller, Get, Param, Query } from '@nestjs/common';
import { CurrentCaller, type Caller } from '../../auth/caller.js';
import { PathName } from '../../http/validation.js';
import { HistoryQuery, type OnlineStreamResponse, type PublishInfoResponse } from './report.dto.js';
import { ReportService } from './report.service.js';

/** Agora, "Statistics". */
@Controller('v1/projects/:appid/fls/entry_points/:entryPoint/reports')
export class ReportController {
  constructor(private readonly reports: ReportService) {}

  @Get('online_streams')
  async online(
    @CurrentCaller() caller: Caller,
    @Param('appid', PathName) appid: string,
    @Param('entryPoint', PathName) entryPoint: string,
  ): Promise<{ streamList: OnlineStreamResponse[] }> {
    return { streamList: await this.reports.online(caller, { appid, entryPoint }) };
  }

  @Get('online_streams/:streamName')
  onlineStream(
    @CurrentCaller() caller: Caller,
    @Param('appid', PathName) appid: string,
    @Param('entryPoint', PathName) entryPoint: string,
    @Param('streamName', PathName) streamName: string,
  ): Promise<{ startTime: string }> {
    return this.reports.onlineStream(caller, { appid, entryPoint }, streamName);
  }

  @Get('publish_history')
  async history(
    @CurrentCaller() caller: Caller,
    @Param('appid', PathName) appid: string,
    @Param('entryPoint', PathName) entryPoint: string,
    @Query() query: HistoryQuery,
  ): Promise<{ publishHistory: PublishInfoResponse[] }> {
    return { publishHistory: await this.reports.history(caller, { appid, entryPoint }, query) };
  }
}
