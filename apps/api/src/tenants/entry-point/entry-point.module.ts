import { Module } from '@nestjs/common';
import { EntryPointController } from './entry-point.controller.js';
import { EntryPointService } from './entry-point.service.js';

@Module({ controllers: [EntryPointController], providers: [EntryPointService] })
export class EntryPointModule {}
