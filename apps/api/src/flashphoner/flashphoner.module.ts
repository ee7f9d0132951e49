import { Module } from '@nestjs/common';
import { CallbackModule } from '../callback/callback.module.js';
import { PushModule } from '../push/push.module.js';
import { StreamModule } from '../stream/stream.module.js';
import { WhipModule } from '../whip/whip.module.js';
import { Publications } from './publications.js';
import { RestHooks } from './rest-hooks.js';
import { RestListener } from './rest-listener.js';
import { SessionWatch } from './session-watch.js';
import { WebSocketListener } from './websocket-listener.js';

/** Web Call Server's own ports, its Web SDK's protocol, and its REST hooks. */
@Module({ imports: [StreamModule, PushModule, CallbackModule, WhipModule], providers: [RestListener, WebSocketListener, Publications, SessionWatch, RestHooks] })
export class FlashphonerModule {}
