import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { Changes } from '#libs/db';
import { CallerGuard } from './auth.guard.js';
import { CustomerSecretStrategy } from './basic.strategy.js';
import { Credentials } from './credentials.js';
import { DashboardSessions } from './dashboard-sessions.js';
import { HmacStrategy } from './hmac.strategy.js';
import { Logins } from './logins.js';
import { MetricsTokenStrategy } from './metrics-token.strategy.js';
import { RequestLimit } from './request-limit.js';
import { Schemes } from './schemes.js';
import { SessionController } from './session.controller.js';
import { SessionStrategy } from './session.strategy.js';

@Module({
  controllers: [SessionController],
  providers: [
    Changes,
    Credentials,
    Logins,
    RequestLimit,
    Schemes,
    DashboardSessions,
    CustomerSecretStrategy,
    HmacStrategy,
    SessionStrategy,
    MetricsTokenStrategy,
    { provide: APP_GUARD, useClass: CallerGuard },
  ],
  exports: [Credentials, DashboardSessions, Logins, Schemes],
})
export class AuthModule {}
