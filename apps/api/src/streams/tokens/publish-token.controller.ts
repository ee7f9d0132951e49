import { Body, Controller, Post, Req } from '@nestjs/common';
import { IsInt, Matches, Max, Min } from 'class-validator';
import type { Request } from 'express';
import { Env } from '#libs/config';
import { PrismaService, SecretBox } from '#libs/db';
import { STREAM_NAME } from '#libs/transfer';
import { CurrentCaller, type Caller } from '../../auth/caller.js';
import { EntryPointParams, type EntryPointPath, namedEntryPoint, unknownEntryPoint } from '../../tenants/owned.js';
import { MayBeAbsent, STREAM_NAME_RULE } from '../../http/validation.js';
import { signPublishToken } from './publish-token.js';

const DAY_S = 86_400;

export class CreatePublishToken {
  /** The only stream that may be published with it; any, when absent. */
  @MayBeAbsent()
  @Matches(STREAM_NAME, { message: STREAM_NAME_RULE })
  streamName?: string;

  /** Seconds from now. */
  @MayBeAbsent()
  @IsInt()
  @Min(60)
  @Max(365 * DAY_S)
  expiresIn = DAY_S;
}

export interface PublishTokenResponse {
  token: string;
  expiresAt: string;
  /** Where to publish; ends with `{stream_name}` when the token is for any. */
  whipUrl: string;
}

/** Tokens for publishers, who must not have the customer's secret. */
@Controller('v1/projects/:appid/fls/entry_points/:entryPoint/publish_tokens')
export class PublishTokenController {
  constructor(
    private readonly prisma: PrismaService,
    private readonly box: SecretBox,
    private readonly env: Env,
  ) {}

  @Post()
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
