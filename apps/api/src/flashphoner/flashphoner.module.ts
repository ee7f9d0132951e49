import { Module } from '@nestjs/common';
import { CallbackModule } from '../callback/callback.module.js';
import { PushModule } from './rest/push.module.js';
import { StreamModule } from '../streams/stream.module.js';
import { WhipModule } from '../streams/whip/whip.module.js';
import { Publications } from './sdk/publications.js';
import { RestHooks } from './hooks/rest-hooks.js';
import { RestListener } from './rest/rest-listener.js';
import { SessionWatch } from './sdk/session-watch.js';
import { WebSocketListener } from './sdk/websocket-listener.js';

/** Web Call Server's own ports, its Web SDK's protocol, and its REST hooks. */
@Module({ imports: [StreamModule, PushModule, CallbackModule, WhipModule], providers: [RestListener, WebSocketListener, Publications, SessionWatch, RestHooks] })
export class FlashphonerModule {}
