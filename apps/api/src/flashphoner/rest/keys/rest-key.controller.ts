import { Body, Controller, Delete, Get, HttpCode, Param, Req } from '@nestjs/common';
import type { Request } from 'express';
import { Env } from '#libs/config';
import { CurrentCaller, type Caller } from '../../../auth/caller.js';
import { PathId, PathName } from '../../../http/validation.js';
import { CreateRestKey, toRestKeyResponse, type NewRestKeyResponse, type RestKeysResponse } from './rest-key.dto.js';
import { KEY_PATH } from './rest-key.js';
import { RestKeyService } from './rest-key.service.js';
import { IdempotentPost } from '../../../http/idempotency.interceptor.js';

/** Keys for Flashphoner clients in pages, which cannot send an Authorization header. */
@Controller('v1/projects/:appid/rest_keys')
export class RestKeyController {
  constructor(
    private readonly keys: RestKeyService,
    private readonly env: Env,
  ) {}

  @Get()
  async list(@CurrentCaller() caller: Caller, @Param('appid', PathName) appid: string): Promise<RestKeysResponse> {
    return { restKeys: (await this.keys.list(caller, appid)).map(toRestKeyResponse) };
  }

  @IdempotentPost()
  async create(
    @CurrentCaller() caller: Caller,
    @Param('appid', PathName) appid: string,
    @Body() body: CreateRestKey,
    @Req() request: Request,
  ): Promise<NewRestKeyResponse> {
    const { row, key } = await this.keys.create(caller, appid, body);
    const origin = this.env.PUBLIC_URL?.replace(/\/$/, '') ?? `${request.protocol}://${request.get('host')}`;
    return { ...toRestKeyResponse(row), key, baseUrl: origin + KEY_PATH + key };
  }

  @Delete(':restKeyId')
  @HttpCode(204)
  revoke(
    @CurrentCaller() caller: Caller,
    @Param('appid', PathName) appid: string,
    @Param('restKeyId', PathId) restKeyId: string,
  ): Promise<void> {
    return this.keys.revoke(caller, appid, restKeyId);
  }
}
