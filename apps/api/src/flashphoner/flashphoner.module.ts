import { Module } from '@nestjs/common';
import { RestListener } from './rest-listener.js';

/** Web Call Server's own ports and its Web SDK's protocol. */
@Module({ providers: [RestListener] })
export class FlashphonerModule {}
