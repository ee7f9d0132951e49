import { Module } from '@nestjs/common';
import { PublishModule } from '../streams/publish/publish.module.js';
import { AnsweredTransfers } from './answered-transfers.js';
import { AskingModule } from './asking.module.js';
import { CallbackProcessor } from './callback.processor.js';
import { CallbackRecorder } from './callback.recorder.js';
import { CallbackSecrets } from './callback-secrets.js';
import { CallbackSender } from './callback-sender.js';
import { DeliveryController } from './delivery.controller.js';

/** Asks customers' servers where streams go. */
@Module({
  imports: [PublishModule, AskingModule],
  controllers: [DeliveryController],
  providers: [CallbackSecrets, CallbackSender, AnsweredTransfers, CallbackRecorder, CallbackProcessor],
  exports: [AskingModule, CallbackSecrets, CallbackSender],
})
export class CallbackModule {}
