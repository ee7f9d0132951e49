import { Controller, Get, Req } from '@nestjs/common';
import type { Request } from 'express';
import { Env } from '#libs/config';
import { Public } from '../auth/caller.js';
import { openApiDocument } from './document.js';

@Public()
@Controller('openapi.json')
export class OpenApiController {
  constructor(private readonly env: Env) {}

  @Get()
  get(@Req() request: Request): Record<string, unknown> {
    return openApiDocument(this.env.PUBLIC_URL?.replace(/\/$/, '') ?? `${request.protocol}://${request.get('host')}`);
  }
}
