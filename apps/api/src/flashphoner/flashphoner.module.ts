import { Module } from '@nestjs/common';
import { CallbackLimitsModule } from '../callback/callback-limits.module.js';
import { PublishModule } from '../streams/publish/publish.module.js';
import { TokenModule } from '../streams/tokens/token.module.js';
import { WhipModule } from '../streams/whip/whip.module.js';
import { RestHooks } from './hooks/rest-hooks.js';
import { RepublishModule } from './republish/republish.module.js';
import { RestKeyModule } from './rest/keys/rest-key.module.js';
import { PushModule } from './rest/push.module.js';
import { Publications } from './sdk/publications.js';
import { SessionWatch } from './sdk/session-watch.js';
import { WebSocketListener } from './sdk/websocket-listener.js';

/** Web Call Server's Web SDK protocol and REST hooks; its REST API and settings are in modules of their own. */
@Module({
  imports: [CallbackLimitsModule, PublishModule, PushModule, RepublishModule, RestKeyModule, TokenModule, WhipModule],
  providers: [WebSocketListener, Publications, SessionWatch, RestHooks],
})
export class FlashphonerModule {}
