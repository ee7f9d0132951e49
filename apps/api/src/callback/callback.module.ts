import { Module } from '@nestjs/common';
import { StreamModule } from '../streams/stream.module.js';
import { AnsweredTransfers } from './answered-transfers.js';
import { AskingModule } from './asking.module.js';
import { CallbackProcessor } from './callback.processor.js';
import { CallbackRecorder } from './callback.recorder.js';
import { CallbackSecrets } from './callback-secrets.js';
import { DeliveryController } from './delivery.controller.js';
import { Sweeper } from '../streams/sweeper/sweeper.js';

@Module({
  imports: [StreamModule, AskingModule],
  controllers: [DeliveryController],
  providers: [CallbackSecrets, AnsweredTransfers, CallbackRecorder, CallbackProcessor, Sweeper],
  exports: [AskingModule, CallbackSecrets],
})
export class CallbackModule {}
