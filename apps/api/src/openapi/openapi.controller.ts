import { Controller, Get, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { Env } from '#libs/config';
import { Public } from '../auth/caller.js';
import { openApiDocument } from './document.js';

/** Stands for the server's URL in the text that is kept: no URL looks like it. */
const SERVER = '{server}';

@Public()
@Controller('openapi.json')
export class OpenApiController {
  /** Made once: it is the same for everybody but for one URL. */
  private readonly parts = JSON.stringify(openApiDocument(SERVER)).split(JSON.stringify(SERVER));

  constructor(private readonly env: Env) {}

  @Get()
  get(@Req() request: Request, @Res() response: Response): void {
    const url = this.env.PUBLIC_URL?.replace(/\/$/, '') ?? `${request.protocol}://${request.get('host')}`;
    response.setHeader('Cache-Control', 'no-cache');
    response.type('json').send(this.parts.join(JSON.stringify(url)));
  }
}
