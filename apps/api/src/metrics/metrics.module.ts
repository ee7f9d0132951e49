import { Global, Module } from '@nestjs/common';
import { History } from './history.js';
import { MetricsController } from './metrics.controller.js';
import { Metrics } from './metrics.js';

/** How the service is doing; whoever does something worth counting tells. */
@Global()
@Module({ controllers: [MetricsController], providers: [Metrics, History], exports: [Metrics] })
export class MetricsModule {}
