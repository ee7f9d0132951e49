import { Body, Controller, Get, Patch } from '@nestjs/common';
import { CurrentCaller, type Caller } from '../../auth/caller.js';
import { UpdatePushSettings, type PushSettingsResponse } from './push-settings.dto.js';
import { PushSettingsService } from './push-settings.service.js';
import { EntryPointParams, type EntryPointPath } from '../../tenants/owned.js';

/** What Web Call Server keeps in its properties file, per entry point. */
@Controller('v1/projects/:appid/fls/entry_points/:entryPoint/settings/push')
export class PushSettingsController {
  constructor(private readonly settings: PushSettingsService) {}

  @Get()
  get(@CurrentCaller() caller: Caller, @EntryPointParams() path: EntryPointPath): Promise<PushSettingsResponse> {
    return this.settings.get(caller, path);
  }

  @Patch()
  update(
    @CurrentCaller() caller: Caller,
    @EntryPointParams() path: EntryPointPath,
    @Body() body: UpdatePushSettings,
  ): Promise<PushSettingsResponse> {
    return this.settings.update(caller, path, body);
  }
}
