import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Query } from '@nestjs/common';
import { CurrentCaller, type Caller } from '../../auth/caller.js';
import { badRequest } from '../../http/problem.js';
import { newEntryPointName, PathName } from '../../http/validation.js';
import {
  CreateEntryPointQuery,
  EntryPointName,
  toEntryPointResponse,
  type EntryPointResponse,
  type EntryPointsResponse,
} from './entry-point.dto.js';
import { EntryPointService } from './entry-point.service.js';
import { EntryPointParams, type EntryPointPath } from '../owned.js';
import { IdempotentPost } from '../../http/idempotency.interceptor.js';

@Controller('v1/projects/:appid/fls/entry_points')
export class EntryPointController {
  constructor(private readonly entryPoints: EntryPointService) {}

  @Get()
  async list(@CurrentCaller() caller: Caller, @Param('appid', PathName) appid: string): Promise<EntryPointsResponse> {
    return { entryPointList: (await this.entryPoints.list(caller, appid)).map(toEntryPointResponse) };
  }

  @IdempotentPost()
  async create(
    @CurrentCaller() caller: Caller,
    @Param('appid', PathName) appid: string,
    @Query() query: CreateEntryPointQuery,
    @Body() body: EntryPointName,
  ): Promise<EntryPointResponse> {
    if (query.id !== undefined && body.name !== undefined && query.id !== body.name) {
      throw badRequest([{ field: 'name', message: 'is not the same as id' }]);
    }
    const field = body.name === undefined ? 'id' : 'name';
    return toEntryPointResponse(
      await this.entryPoints.create(caller, appid, newEntryPointName(query.id ?? body.name, field)),
    );
  }

  @Get(':entryPoint')
  async get(@CurrentCaller() caller: Caller, @EntryPointParams() path: EntryPointPath): Promise<EntryPointResponse> {
    return toEntryPointResponse(await this.entryPoints.get(caller, path));
  }

  @Patch(':entryPoint')
  async rename(
    @CurrentCaller() caller: Caller,
    @EntryPointParams() path: EntryPointPath,
    @Body() body: EntryPointName,
  ): Promise<EntryPointResponse> {
    const name = body.name === undefined ? path.entryPoint : newEntryPointName(body.name, 'name');
    return toEntryPointResponse(await this.entryPoints.rename(caller, path, name));
  }

  /** 200, as on Agora. */
  @Delete(':entryPoint')
  @HttpCode(200)
  async remove(@CurrentCaller() caller: Caller, @EntryPointParams() path: EntryPointPath): Promise<void> {
    await this.entryPoints.remove(caller, path);
  }
}
