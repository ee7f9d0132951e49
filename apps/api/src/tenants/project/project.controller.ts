import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Query } from '@nestjs/common';
import { CurrentCaller, type Caller } from '../../auth/caller.js';
import { PathName } from '../../http/validation.js';
import {
  CreateProject,
  ProjectQuery,
  toProjectResponse,
  UpdateProject,
  type ProjectPage,
  type ProjectResponse,
} from './project.dto.js';
import { ProjectService } from './project.service.js';
import { IdempotentPost } from '../../http/idempotency.interceptor.js';

@Controller('v1/projects')
export class ProjectController {
  constructor(private readonly projects: ProjectService) {}

  @Get()
  async list(@CurrentCaller() caller: Caller, @Query() { limit, cursor, q }: ProjectQuery): Promise<ProjectPage> {
    const { rows, nextCursor } = await this.projects.list(caller, limit, cursor, q);
    return { projects: rows.map(toProjectResponse), nextCursor };
  }

  @IdempotentPost()
  async create(@CurrentCaller() caller: Caller, @Body() body: CreateProject): Promise<ProjectResponse> {
    return toProjectResponse(await this.projects.create(caller, body.name));
  }

  @Get(':appid')
  async get(@CurrentCaller() caller: Caller, @Param('appid', PathName) appid: string): Promise<ProjectResponse> {
    return toProjectResponse(await this.projects.get(caller, appid));
  }

  @Patch(':appid')
  async change(
    @CurrentCaller() caller: Caller,
    @Param('appid', PathName) appid: string,
    @Body() body: UpdateProject,
  ): Promise<ProjectResponse> {
    return toProjectResponse(await this.projects.change(caller, appid, body));
  }

  /** Every publish token of the project is worthless from now on. */
  @IdempotentPost(':appid/rotate_signing_key')
  @HttpCode(204)
  async rotateSigningKey(@CurrentCaller() caller: Caller, @Param('appid', PathName) appid: string): Promise<void> {
    await this.projects.rotateSigningKey(caller, appid);
  }

  @Delete(':appid')
  @HttpCode(204)
  async remove(@CurrentCaller() caller: Caller, @Param('appid', PathName) appid: string): Promise<void> {
    await this.projects.remove(caller, appid);
  }
}
