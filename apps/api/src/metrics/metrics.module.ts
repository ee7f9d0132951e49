import { Global, Module } from '@nestjs/common';
import { History } from './history.js';
import { Housekeeping } from '../retention/housekeeping.js';
import { MetricsController } from './metrics.controller.js';
import { Metrics } from './metrics.js';
import { Purge } from '../retention/purge.js';

/** How the service is doing; whoever does something worth counting tells. */
@Global()
@Module({ controllers: [MetricsController], providers: [Metrics, History, Housekeeping, Purge], exports: [Metrics, Purge] })
export class MetricsModule {}
