import { Body, Controller, Get, Param, Patch } from '@nestjs/common';
import { CurrentCaller, type Caller } from '../../auth/caller.js';
import { PathName } from '../../http/validation.js';
import { toStreamAuthResponse, UpdateStreamAuth, type StreamAuthResponse } from './stream-auth.dto.js';
import { StreamAuthSettings } from './stream-auth-settings.js';

/** Agora's origin authentication, per project. */
@Controller('v1/projects/:appid/fls/settings/streamauth/webhook')
export class StreamAuthController {
  constructor(private readonly settings: StreamAuthSettings) {}

  @Get()
  async get(@CurrentCaller() caller: Caller, @Param('appid', PathName) appid: string): Promise<StreamAuthResponse> {
    return toStreamAuthResponse(await this.settings.get(caller, appid));
  }

  @Patch()
  async update(
    @CurrentCaller() caller: Caller,
    @Param('appid', PathName) appid: string,
    @Body() body: UpdateStreamAuth,
  ): Promise<StreamAuthResponse> {
    return toStreamAuthResponse(await this.settings.update(caller, appid, body));
  }
}
