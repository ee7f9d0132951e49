import { Body, Controller, Delete, Get, HttpCode, Post, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { Env } from '#libs/config';
import { PrismaService } from '#libs/db';
import { refuse } from '../http/problem.js';
import { CurrentCaller, Public, type Caller } from './caller.js';
import { Credentials } from './credentials.js';
import { DashboardSessions } from './dashboard-sessions.js';
import { Logins } from './logins.js';
import { requireOwnOrigin } from './own-origin.js';
import { RequestLimit } from './request-limit.js';
import { SignIn, type SessionResponse } from './session.dto.js';
import { sessionCookie, tokenOf } from './session-cookie.js';

/** Signing in and out at the dashboard. */
@Controller('session')
export class SessionController {
  constructor(
    private readonly prisma: PrismaService,
    private readonly credentials: Credentials,
    private readonly logins: Logins,
    private readonly sessions: DashboardSessions,
    private readonly limit: RequestLimit,
    private readonly env: Env,
  ) {}

  @Public()
  @Post()
  @HttpCode(200)
  async signIn(
    @Body() { customerId, customerSecret }: SignIn,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<SessionResponse> {
    // A foreign form could sign the reader in as somebody else, who would then see what the reader does.
    requireOwnOrigin(request, this.env.PUBLIC_URL);
    const caller = await this.logins.attempt(request.ip, customerId, () =>
      this.credentials.verifySecret(customerId, customerSecret),
    );
    if (!caller) throw signedOut('The customer ID and the customer secret do not match.');
    await this.limit.consume(caller, response);
    // A session that was there before is not taken over: its token may be known to somebody else (session fixation).
    const former = tokenOf(request);
    if (former !== undefined) await this.sessions.end(former);
    const token = await this.sessions.begin(caller.customerId, caller.credentialId);
    response.setHeader('Set-Cookie', sessionCookie(request, token, this.sessions.maxAgeS));
    return this.describe(caller);
  }

  /** Public, so that a page which only asks is not met with the browser's own password dialog. */
  @Public()
  @Get()
  async get(@Req() request: Request): Promise<SessionResponse> {
    const caller = await this.sessions.caller(tokenOf(request), request.ip);
    if (!caller) throw signedOut('Nobody is signed in.');
    return this.describe(caller);
  }

  @Public()
  @Delete()
  @HttpCode(204)
  async signOut(@Req() request: Request, @Res({ passthrough: true }) response: Response): Promise<void> {
    const token = tokenOf(request);
    if (token !== undefined) await this.sessions.end(token);
    response.setHeader('Set-Cookie', sessionCookie(request, null, 0));
  }

  /** On all devices. */
  @Delete('all')
  @HttpCode(204)
  async signOutEverywhere(
    @CurrentCaller() caller: Caller,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<void> {
    await this.sessions.endAll(caller.customerId);
    response.setHeader('Set-Cookie', sessionCookie(request, null, 0));
  }

  private async describe({ customerId, role }: Caller): Promise<SessionResponse> {
    const { name } = await this.prisma.customer.findUniqueOrThrow({
      where: { id: customerId },
      select: { name: true },
    });
    return { customerId, name, role };
  }
}

const signedOut = (detail: string): Error =>
  refuse(401, 'Unauthorized', { detail, headers: { 'WWW-Authenticate': 'Cookie realm="manycast"' } });
