import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Query } from '@nestjs/common';
import { CurrentCaller, type Caller } from '../../auth/caller.js';
import type { TransferPage, TransferResponse } from './transfer.response.js';
import { PathId } from '../../http/validation.js';
import { readChanges, readNewTransfer } from './transfer.dto.js';
import { TransferPageQuery } from './transfer-page.js';
import { TransferService } from './transfer.service.js';
import { StreamParams, type StreamPath } from '../stream-path.js';
import { IdempotentPost } from '../../http/idempotency.interceptor.js';

/** Where one running stream goes; may change at any moment without touching the other transfers. */
@Controller('v1/projects/:appid/fls/streams/:streamId/transfers')
export class TransferController {
  constructor(private readonly transfers: TransferService) {}

  @Get()
  list(
    @CurrentCaller() caller: Caller,
    @StreamParams() path: StreamPath,
    @Query() query: TransferPageQuery,
  ): Promise<TransferPage> {
    return this.transfers.list(caller, path, query);
  }

  @IdempotentPost()
  add(
    @CurrentCaller() caller: Caller,
    @StreamParams() path: StreamPath,
    @Body() body: Record<string, unknown>,
  ): Promise<TransferResponse> {
    return this.transfers.add(caller, path, readNewTransfer(body));
  }

  @Get(':transferId')
  get(
    @CurrentCaller() caller: Caller,
    @StreamParams() path: StreamPath,
    @Param('transferId', PathId) transferId: string,
  ): Promise<TransferResponse> {
    return this.transfers.get(caller, path, transferId);
  }

  @Patch(':transferId')
  change(
    @CurrentCaller() caller: Caller,
    @StreamParams() path: StreamPath,
    @Param('transferId', PathId) transferId: string,
    @Body() body: Record<string, unknown>,
  ): Promise<TransferResponse> {
    return this.transfers.change(caller, path, transferId, readChanges(body));
  }

  @Delete(':transferId')
  @HttpCode(204)
  remove(
    @CurrentCaller() caller: Caller,
    @StreamParams() path: StreamPath,
    @Param('transferId', PathId) transferId: string,
  ): Promise<void> {
    return this.transfers.remove(caller, path, transferId);
  }

  @IdempotentPost(':transferId/retry')
  @HttpCode(202)
  retry(
    @CurrentCaller() caller: Caller,
    @StreamParams() path: StreamPath,
    @Param('transferId', PathId) transferId: string,
  ): Promise<void> {
    return this.transfers.retry(caller, path, transferId);
  }
}
