import { Body, Controller, Get, Param, Patch } from '@nestjs/common';
import { CurrentCaller, type Caller } from '../../auth/caller.js';
import { PathName } from '../../http/validation.js';
import { UpdatePushSettings, type PushSettingsResponse } from './push-settings.dto.js';
import { PushSettingsService } from './push-settings.service.js';

/** What Web Call Server keeps in its properties file, per entry point. */
@Controller('v1/projects/:appid/fls/entry_points/:entryPoint/settings/push')
export class PushSettingsController {
  constructor(private readonly settings: PushSettingsService) {}

  @Get()
  get(
    @CurrentCaller() caller: Caller,
    @Param('appid', PathName) appid: string,
    @Param('entryPoint', PathName) entryPoint: string,
  ): Promise<PushSettingsResponse> {
    return this.settings.get(caller, appid, entryPoint);
  }

  @Patch()
  update(
    @CurrentCaller() caller: Caller,
    @Param('appid', PathName) appid: string,
    @Param('entryPoint', PathName) entryPoint: string,
    @Body() body: UpdatePushSettings,
  ): Promise<PushSettingsResponse> {
    return this.settings.update(caller, appid, entryPoint, body);
  }
}
