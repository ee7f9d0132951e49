import { Module } from '@nestjs/common';
import { EntryPointController } from '../entry-point/entry-point.controller.js';
import { EntryPointService } from '../entry-point/entry-point.service.js';
import { ProjectController } from './project.controller.js';
import { ProjectService } from './project.service.js';

@Module({ controllers: [ProjectController, EntryPointController], providers: [ProjectService, EntryPointService] })
export class ProjectModule {}
