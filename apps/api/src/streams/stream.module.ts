import { Module } from '@nestjs/common';
import { AllStreamsController, StreamController } from './stream.controller.js';
import { StreamService } from './stream.service.js';

/** Streams as the API shows and ends them; how they come in and where they go is in the folders below. */
@Module({ controllers: [StreamController, AllStreamsController], providers: [StreamService], exports: [StreamService] })
export class StreamModule {}
