import { Body, Controller, Req } from '@nestjs/common';
import type { Request } from 'express';
import { Env } from '#libs/config';
import { PrismaService, SecretBox } from '#libs/db';
import { CurrentCaller, type Caller } from '../../auth/caller.js';
import { EntryPointParams, type EntryPointPath, namedEntryPoint, unknownEntryPoint } from '../../tenants/owned.js';
import { CreatePublishToken, type PublishTokenResponse } from './publish-token.dto.js';
import { signPublishToken } from './publish-token.js';
import { IdempotentPost } from '../../http/idempotency.interceptor.js';

/** Tokens for publishers, who must not have the customer's secret. */
@Controller('v1/projects/:appid/fls/entry_points/:entryPoint/publish_tokens')
export class PublishTokenController {
  constructor(
    private readonly prisma: PrismaService,
    private readonly box: SecretBox,
    private readonly env: Env,
  ) {}

  @IdempotentPost()
  async create(
    @CurrentCaller() caller: Caller,
    @EntryPointParams() path: EntryPointPath,
    @Body() { streamName, expiresIn }: CreatePublishToken,
    @Req() request: Request,
  ): Promise<PublishTokenResponse> {
    const found = await this.prisma.entryPoint.findFirst({
      where: namedEntryPoint(caller, path),
      select: { project: { select: { signingKey: true } } },
    });
    if (found === null) throw unknownEntryPoint();
    const signingKey = this.box.open(found.project.signingKey, `project:${path.appid}`);
    const expiresAt = new Date(Math.floor(Date.now() / 1000 + expiresIn) * 1000);
    const token = await signPublishToken({ ...path, streamName }, signingKey, expiresAt);
    const origin = this.env.PUBLIC_URL?.replace(/\/$/, '') ?? `${request.protocol}://${request.get('host')}`;
    return {
      token,
      expiresAt: expiresAt.toISOString(),
      whipUrl: `${origin}/whip/${path.appid}/${path.entryPoint}/${streamName ?? '{stream_name}'}`,
    };
  }
}
