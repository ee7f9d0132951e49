import { Module } from '@nestjs/common';
import { CallbackCircuits } from './callback-circuits.js';
import { CallbackClient } from './callback.client.js';
import { CallbackLimits } from './callback-limits.js';
import { CallbackQuota } from './callback-quota.js';

/** Asking customers' servers, with its limits: one of each for all who ask. */
@Module({
  providers: [CallbackClient, CallbackCircuits, CallbackQuota, CallbackLimits],
  exports: [CallbackClient, CallbackLimits],
})
export class CallbackLimitsModule {}
