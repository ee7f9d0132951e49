import { Controller, Get, Query, Res } from '@nestjs/common';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, Max, Min } from 'class-validator';
import type { Response } from 'express';
import { OperatorOnly } from '../auth/caller.js';
import { History, type HistoryPoint } from './history.js';
import { Metrics, type QueueCounts } from './metrics.js';

export class HistoryQuery {
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1440)
  minutes = 60;
}

/** How the service is doing; for operators, and Prometheus with METRICS_TOKEN as a Bearer token. */
@OperatorOnly()
@Controller()
export class MetricsController {
  constructor(
    private readonly metrics: Metrics,
    private readonly past: History,
  ) {}

  @Get('metrics')
  async get(@Res() response: Response): Promise<void> {
    response.setHeader('Content-Type', this.metrics.registry.contentType);
    response.send(await this.metrics.registry.metrics());
  }

  @Get('v1/queues')
  async queues(): Promise<{ queues: QueueCounts[] }> {
    return { queues: await this.metrics.queues() };
  }

  /** One point per minute, oldest first. */
  @Get('v1/history')
  async history(@Query() { minutes }: HistoryQuery): Promise<{ points: HistoryPoint[] }> {
    return { points: await this.past.points(minutes) };
  }
}
