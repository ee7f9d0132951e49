import { Controller, Get, Inject, Res } from '@nestjs/common';
import type { Response } from 'express';
import type { Redis } from 'ioredis';
import { PrismaService } from '#libs/db';
import { REDIS } from '#libs/queue';
import { Public } from '../auth/caller.js';
import { within } from '../http/unavailable.js';
import type { HealthResponse } from './health.response.js';

const PROBE_MS = 1000;

/** For load balancers and orchestrators. */
@Public()
@Controller()
export class HealthController {
  private asking: Promise<[string, string]> | null = null;

  constructor(
    private readonly prisma: PrismaService,
    @Inject(REDIS) private readonly redis: Redis,
  ) {}

  /** The process answers. */
  @Get('healthz')
  alive(): HealthResponse {
    return { status: 'ok' };
  }

  /** What a request needs is there; 503 says what is not. */
  @Get('readyz')
  async ready(@Res({ passthrough: true }) response: Response): Promise<HealthResponse> {
    // Anybody may ask: however many do, one question is under way.
    this.asking ??= Promise.all([
      probe('Postgres', this.prisma.$queryRaw`SELECT 1`),
      probe('Redis', this.redis.ping()),
    ]).finally(() => (this.asking = null));
    const [postgres, redis] = await this.asking;
    const isReady = postgres === 'ok' && redis === 'ok';
    if (!isReady) response.status(503).setHeader('Retry-After', '2');
    return { status: isReady ? 'ok' : 'unavailable', postgres, redis };
  }
}

function probe(what: string, question: Promise<unknown>): Promise<string> {
  return within(PROBE_MS, `asking ${what}`, question).then(
    () => 'ok',
    () => 'unavailable',
  );
}
