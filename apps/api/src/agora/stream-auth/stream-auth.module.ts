import { Module } from '@nestjs/common';
import { CallbackLimitsModule } from '../../callback/callback-limits.module.js';
import { Admission } from './admission.js';
import { StreamAuthController } from './stream-auth.controller.js';
import { StreamAuthSettings } from './stream-auth-settings.js';

/** The customer's server that says who may publish. */
@Module({
  imports: [CallbackLimitsModule],
  controllers: [StreamAuthController],
  providers: [Admission, StreamAuthSettings],
  exports: [Admission],
})
export class StreamAuthModule {}
