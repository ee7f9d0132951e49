import { Module } from '@nestjs/common';
import { AuthModule } from '../../../auth/auth.module.js';
import { RestKeyController } from './rest-key.controller.js';
import { RestKeyService } from './rest-key.service.js';
import { RestKeyStrategy } from './rest-key.strategy.js';
import { RestKeys } from './rest-keys.js';

/** Keys that open /rest-api from the path of a URL. */
@Module({
  imports: [AuthModule],
  controllers: [RestKeyController],
  providers: [RestKeys, RestKeyService, RestKeyStrategy],
})
export class RestKeyModule {}
