import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { AllEventsController, EventController } from './event.controller.js';
import { EventFeed } from './event-feed.js';

/** The history, and the live feed of it. */
@Module({ imports: [AuthModule], controllers: [EventController, AllEventsController], providers: [EventFeed] })
export class EventModule {}
