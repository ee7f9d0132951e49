import { Controller, Delete, Get, Header, HttpCode, Param, Query, StreamableFile } from '@nestjs/common';
import { CurrentCaller, OperatorOnly, type Caller } from '../auth/caller.js';
import { PathId, PathName } from '../http/validation.js';
import { AllStreamsQuery, StreamQuery, type StreamPage, type StreamResponse } from './stream.dto.js';
import { StreamService } from './stream.service.js';

@Controller('v1/projects/:appid/fls/streams')
export class StreamController {
  constructor(private readonly streams: StreamService) {}

  @Get()
  list(
    @CurrentCaller() caller: Caller,
    @Param('appid', PathName) appid: string,
    @Query() query: StreamQuery,
  ): Promise<StreamPage> {
    return this.streams.list(caller, appid, query);
  }

  @Get(':streamId')
  get(
    @CurrentCaller() caller: Caller,
    @Param('appid', PathName) appid: string,
    @Param('streamId', PathId) streamId: string,
  ): Promise<StreamResponse> {
    return this.streams.get(caller, appid, streamId);
  }

  @Get(':streamId/thumbnail')
  @Header('Cache-Control', 'private, max-age=4')
  async thumbnail(
    @CurrentCaller() caller: Caller,
    @Param('appid', PathName) appid: string,
    @Param('streamId', PathId) streamId: string,
  ): Promise<StreamableFile> {
    return new StreamableFile(await this.streams.thumbnail(caller, appid, streamId), { type: 'image/jpeg' });
  }

  /** Ends the stream ("kick"); again is no error. */
  @Delete(':streamId')
  @HttpCode(204)
  kick(
    @CurrentCaller() caller: Caller,
    @Param('appid', PathName) appid: string,
    @Param('streamId', PathId) streamId: string,
  ): Promise<void> {
    return this.streams.kick(caller, appid, streamId);
  }
}

/** Streams of all projects. */
@OperatorOnly()
@Controller('v1/streams')
export class AllStreamsController {
  constructor(private readonly streams: StreamService) {}

  @Get()
  list(@Query() query: AllStreamsQuery): Promise<StreamPage> {
    return this.streams.listAll(query);
  }
}
