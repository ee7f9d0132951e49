import { Controller, Get, Param, Query } from '@nestjs/common';
import { CurrentCaller, type Caller } from '../../auth/caller.js';
import { PathName } from '../../http/validation.js';
import { HistoryQuery, type OnlineStreamResponse, type PublishInfoResponse } from './report.dto.js';
import { ReportService } from './report.service.js';
import { EntryPointParams, type EntryPointPath } from '../../tenants/owned.js';

/** Agora, "Statistics". */
@Controller('v1/projects/:appid/fls/entry_points/:entryPoint/reports')
export class ReportController {
  constructor(private readonly reports: ReportService) {}

  @Get('online_streams')
  async online(
    @CurrentCaller() caller: Caller,
    @EntryPointParams() path: EntryPointPath,
  ): Promise<{ streamList: OnlineStreamResponse[] }> {
    return { streamList: await this.reports.online(caller, path) };
  }

  @Get('online_streams/:streamName')
  onlineStream(
    @CurrentCaller() caller: Caller,
    @EntryPointParams() path: EntryPointPath,
    @Param('streamName', PathName) streamName: string,
  ): Promise<{ startTime: string }> {
    return this.reports.onlineStream(caller, path, streamName);
  }

  @Get('publish_history')
  async history(
    @CurrentCaller() caller: Caller,
    @EntryPointParams() path: EntryPointPath,
    @Query() query: HistoryQuery,
  ): Promise<{ publishHistory: PublishInfoResponse[] }> {
    return { publishHistory: await this.reports.history(caller, path, query) };
  }
}
