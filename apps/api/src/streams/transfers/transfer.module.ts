import { Module } from '@nestjs/common';
import { TransferController } from './transfer.controller.js';
import { TransferService } from './transfer.service.js';

/** Where a stream goes. */
@Module({ controllers: [TransferController], providers: [TransferService], exports: [TransferService] })
export class TransferModule {}
