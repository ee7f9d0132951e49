import { Module } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { ConfigModule } from '#libs/config';
import { DbModule } from '#libs/db';
import { QueueModule } from '#libs/queue';
import { AgoraModule } from './agora/agora.module.js';
import { AuthModule } from './auth/auth.module.js';
import { CallbackModule } from './callback/callback.module.js';
import { CustomerModule } from './tenants/customer/customer.module.js';
import { Drain } from './http/drain.js';
import { AllEventsController, EventController } from './events/event.controller.js';
import { EventFeed } from './events/event-feed.js';
import { FlashphonerModule } from './flashphoner/flashphoner.module.js';
import { HealthController } from './health/health.controller.js';
import { IdempotencyInterceptor } from './http/idempotency.interceptor.js';
import { MetricsModule } from './metrics/metrics.module.js';
import { NodeController } from './nodes/node.controller.js';
import { OpenApiController } from './openapi/openapi.controller.js';
import { ProjectModule } from './tenants/project/project.module.js';
import { PushModule } from './flashphoner/rest/push.module.js';
import { SettingsModule } from './settings/settings.module.js';
import { StreamModule } from './streams/stream.module.js';
import { WhipModule } from './streams/whip/whip.module.js';

@Module({
  imports: [ConfigModule, DbModule, QueueModule, AuthModule, MetricsModule, CustomerModule, ProjectModule, StreamModule, CallbackModule, SettingsModule, AgoraModule, PushModule, WhipModule, FlashphonerModule],
  controllers: [HealthController, EventController, AllEventsController, NodeController, OpenApiController],
  providers: [Drain, EventFeed, { provide: APP_INTERCEPTOR, useClass: IdempotencyInterceptor }],
})
export class AppModule {}
