import { Controller, Delete, Get, HttpCode, Param, Query } from '@nestjs/common';
import { CurrentCaller, type Caller } from '../auth/caller.js';
import { PathId, PathName } from '../validation.js';
import { StreamQuery, type StreamResponse } from './stream.dto.js';
import { StreamService } from './stream.service.js';

@Controller('v1/projects/:appid/fls/streams')
export class StreamController {
  constructor(private readonly streams: StreamService) {}

  @Get()
  list(
    @CurrentCaller() caller: Caller,
    @Param('appid', PathName) appid: string,
    @Query() query: StreamQuery,
  ): Promise<{ streams: StreamResponse[]; nextCursor: string | null }> {
    return this.streams.list(caller, appid, query);
  }

  @Get(':streamId')
  get(@CurrentCaller() caller: Caller, @Param('appid', PathName) appid: string, @Param('streamId', PathId) streamId: string): Promise<StreamResponse> {
    return this.streams.get(caller, appid, streamId);
  }

  /** Ends the stream ("kick"); again is no error. */
  @Delete(':streamId')
  @HttpCode(204)
  kick(@CurrentCaller() caller: Caller, @Param('appid', PathName) appid: string, @Param('streamId', PathId) streamId: string): Promise<void> {
    return this.streams.kick(caller, appid, streamId);
  }
}
