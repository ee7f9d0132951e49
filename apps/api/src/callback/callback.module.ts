import { Module } from '@nestjs/common';
import { PublishModule } from '../streams/publish/publish.module.js';
import { AnsweredTransfers } from './answered-transfers.js';
import { CallbackLimitsModule } from './callback-limits.module.js';
import { CallbackProcessor } from './callback.processor.js';
import { CallbackRecorder } from './callback.recorder.js';
import { CallbackSecrets } from './callback-secrets.js';
import { CallbackSender } from './callback-sender.js';
import { DeliveryController } from './delivery.controller.js';

/** Asks customers' servers where streams go. */
@Module({
  imports: [PublishModule, CallbackLimitsModule],
  controllers: [DeliveryController],
  providers: [CallbackSecrets, CallbackSender, AnsweredTransfers, CallbackRecorder, CallbackProcessor],
  exports: [CallbackLimitsModule, CallbackSecrets, CallbackSender],
})
export class CallbackModule {}
