import { Body, Controller, Delete, Get, HttpCode, Param, Patch } from '@nestjs/common';
import { CurrentCaller, type Caller } from '../../auth/caller.js';
import { StreamName } from '../../http/validation.js';
import { BanStream, resumeTimeOf, toBannedStreamResponse, type BannedStreamResponse } from './ban.dto.js';
import { BanService } from './ban.service.js';
import { EntryPointParams, type EntryPointPath } from '../../tenants/owned.js';

/** Agora, "Ban a live stream". 200 for each success, as there. */
@Controller('v1/projects/:appid/fls/entry_points/:entryPoint/admin/banned_streams')
export class BanController {
  constructor(private readonly bans: BanService) {}

  @Get()
  async list(
    @CurrentCaller() caller: Caller,
    @EntryPointParams() path: EntryPointPath,
  ): Promise<{ bannedStreamList: BannedStreamResponse[] }> {
    return { bannedStreamList: (await this.bans.list(caller, path)).map(toBannedStreamResponse) };
  }

  @Patch(':streamName')
  async ban(
    @CurrentCaller() caller: Caller,
    @EntryPointParams() path: EntryPointPath,
    @Param('streamName', StreamName) streamName: string,
    @Body() body: BanStream,
  ): Promise<BannedStreamResponse> {
    return toBannedStreamResponse(await this.bans.ban(caller, path, streamName, resumeTimeOf(body, Date.now())));
  }

  @Delete(':streamName')
  @HttpCode(200)
  unban(
    @CurrentCaller() caller: Caller,
    @EntryPointParams() path: EntryPointPath,
    @Param('streamName', StreamName) streamName: string,
  ): Promise<void> {
    return this.bans.unban(caller, path, streamName);
  }
}
