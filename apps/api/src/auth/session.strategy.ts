import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import type { Request } from 'express';
import type { Caller } from './caller.js';
import { DashboardSessions } from './dashboard-sessions.js';
import { RequestScheme } from './request-scheme.js';
import { Schemes } from './schemes.js';
import { tokenOf } from './session-cookie.js';

/** The dashboard's session cookie. */
@Injectable()
export class SessionStrategy extends PassportStrategy(RequestScheme, 'session-cookie') {
  constructor(
    schemes: Schemes,
    private readonly sessions: DashboardSessions,
  ) {
    // An explicit Authorization header says who asks; a cookie that comes along by itself does not overrule it.
    super((request: Request) => request.headers.authorization === undefined && tokenOf(request) !== undefined);
    schemes.add('session-cookie', this);
  }

  async validate(request: Request): Promise<Caller | false> {
    return (await this.sessions.caller(tokenOf(request), request.ip)) ?? false;
  }
}
