import { Controller, Get, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { OperatorOnly } from '../auth/caller.js';
import { History } from './history.js';
import { HistoryQuery, type HistoryResponse, type QueuesResponse } from './metrics.dto.js';
import { Metrics } from './metrics.js';

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
  async queues(): Promise<QueuesResponse> {
    return { queues: await this.metrics.queues() };
  }

  /** One point per minute, oldest first. */
  @Get('v1/history')
  async history(@Query() { minutes }: HistoryQuery): Promise<HistoryResponse> {
    return { points: await this.past.points(minutes) };
  }
}
