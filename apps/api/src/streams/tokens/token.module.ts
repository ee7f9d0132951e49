import { Module } from '@nestjs/common';
import { PublishAccess } from './publish-access.js';
import { PublishTokenController } from './publish-token.controller.js';

/** Who may publish. */
@Module({ controllers: [PublishTokenController], providers: [PublishAccess], exports: [PublishAccess] })
export class TokenModule {}
