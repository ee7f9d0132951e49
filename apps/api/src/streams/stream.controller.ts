import { Controller, Delete, Get, Header, HttpCode, Param, Query, StreamableFile } from '@nestjs/common';
import { CurrentCaller, OperatorOnly, type Caller } from '../auth/caller.js';
import { PathName } from '../http/validation.js';
import { AllStreamsQuery, StreamQuery, type StreamResponse } from './stream.dto.js';
import { StreamService } from './stream.service.js';
import { StreamParams, type StreamPath } from './stream-path.js';

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
  get(@CurrentCaller() caller: Caller, @StreamParams() path: StreamPath): Promise<StreamResponse> {
    return this.streams.get(caller, path);
  }

  @Get(':streamId/thumbnail')
  @Header('Cache-Control', 'private, max-age=4')
  async thumbnail(@CurrentCaller() caller: Caller, @StreamParams() path: StreamPath): Promise<StreamableFile> {
    return new StreamableFile(await this.streams.thumbnail(caller, path), { type: 'image/jpeg' });
  }

  /** Ends the stream ("kick"); again is no error. */
  @Delete(':streamId')
  @HttpCode(204)
  kick(@CurrentCaller() caller: Caller, @StreamParams() path: StreamPath): Promise<void> {
    return this.streams.kick(caller, path);
  }
}

/** Streams of all projects. */
@OperatorOnly()
@Controller('v1/streams')
export class AllStreamsController {
  constructor(private readonly streams: StreamService) {}

  @Get()
  list(@Query() query: AllStreamsQuery): Promise<{ streams: StreamResponse[]; nextCursor: string | null }> {
    return this.streams.listAll(query);
  }
}
