import { Global, Module } from '@nestjs/common';
import { Housekeeping } from './housekeeping.js';
import { Purge } from './purge.js';

/** Deletes what is old, and what was marked as deleted; whoever marks something begins the purge. */
@Global()
@Module({ providers: [Housekeeping, Purge], exports: [Purge] })
export class RetentionModule {}
