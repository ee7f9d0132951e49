import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { PassportModule } from '@nestjs/passport';
import { BasicGuard } from './basic.guard.js';
import { CustomerSecretStrategy } from './basic.strategy.js';

@Module({ imports: [PassportModule], providers: [CustomerSecretStrategy, { provide: APP_GUARD, useClass: BasicGuard }] })
export class AuthModule {}
