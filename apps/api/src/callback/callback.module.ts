import { Module } from '@nestjs/common';
import { StreamModule } from '../stream/stream.module.js';
import { AnsweredTransfers } from './answered-transfers.js';
import { CallbackCircuits } from './callback-circuits.js';
import { CallbackClient } from './callback.client.js';
import { CallbackProcessor } from './callback.processor.js';
import { CallbackQuota } from './callback-quota.js';
import { CallbackRecorder } from './callback.recorder.js';
import { CallbackSecrets } from './callback-secrets.js';
import { DeliveryController } from './delivery.controller.js';
import { Sweeper } from './sweeper.js';

@Module({
  imports: [StreamModule],
  controllers: [DeliveryController],
  providers: [CallbackClient, CallbackCircuits, CallbackQuota, CallbackSecrets, AnsweredTransfers, CallbackRecorder, CallbackProcessor, Sweeper],
  exports: [CallbackClient, CallbackCircuits, CallbackQuota, CallbackSecrets],
})
export class CallbackModule {}
