import { Module } from '@nestjs/common';
import { ConfigModule } from '#libs/config';
import { DbModule } from '#libs/db';
import { QueueModule } from '#libs/queue';
import { AgoraModule } from './agora/agora.module.js';
import { AuthModule } from './auth/auth.module.js';
import { CallbackModule } from './callback/callback.module.js';
import { EntryPointModule } from './tenants/entry-point/entry-point.module.js';
import { EventModule } from './events/event.module.js';
import { CustomerModule } from './tenants/customer/customer.module.js';
import { Drain } from './http/drain.js';
import { FlashphonerModule } from './flashphoner/flashphoner.module.js';
import { HealthController } from './health/health.controller.js';
import { MetricsModule } from './metrics/metrics.module.js';
import { NodeController } from './nodes/node.controller.js';
import { OpenApiController } from './openapi/openapi.controller.js';
import { ProjectModule } from './tenants/project/project.module.js';
import { RetentionModule } from './retention/retention.module.js';
import { SettingsModule } from './settings/settings.module.js';
import { StreamModule } from './streams/stream.module.js';
import { SweeperModule } from './streams/sweeper/sweeper.module.js';
import { TokenModule } from './streams/tokens/token.module.js';
import { TransferModule } from './streams/transfers/transfer.module.js';
import { WhipModule } from './streams/whip/whip.module.js';

@Module({
  imports: [
    ConfigModule,
    DbModule,
    QueueModule,
    AuthModule,
    MetricsModule,
    RetentionModule,
    CustomerModule,
    ProjectModule,
    EntryPointModule,
    SettingsModule,
    StreamModule,
    TransferModule,
    TokenModule,
    WhipModule,
    SweeperModule,
    CallbackModule,
    EventModule,
    AgoraModule,
    FlashphonerModule,
  ],
  controllers: [HealthController, NodeController, OpenApiController],
  providers: [Drain],
})
export class AppModule {}
