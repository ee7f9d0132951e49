import { InjectQueue } from '@nestjs/bullmq';
import { Injectable, Logger } from '@nestjs/common';
import type { Queue } from 'bullmq';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry as PrometheusRegistry } from 'prom-client';
import { type UnhandledKind, UNHANDLED_KINDS } from '#libs/process';
import { PrismaService } from '#libs/db';
import { CALLBACKS_QUEUE, Registry, STREAMS_QUEUE } from '#libs/queue';
import { within } from '../http/unavailable.js';
import type { QueueCounts } from './metrics.dto.js';

const COLLECT_MS = 1000;
const STATES_OF_JOBS = ['waiting', 'active', 'delayed', 'failed'] as const;

/**
 * What Prometheus reads. Rows and Redis are asked at each scrape, so several API processes tell the same of them; labels
 * name states, never customers, streams or URLs.
 */
@Injectable()
export class Metrics {
  readonly registry = new PrometheusRegistry();
  private readonly logger = new Logger(Metrics.name);
  private readonly requests: Histogram<'method' | 'route' | 'status'>;
  private readonly callbacks: Counter<'outcome'>;
  private readonly strays: Counter<'kind'>;

  constructor(
    private readonly prisma: PrismaService,
    private readonly nodes: Registry,
    @InjectQueue(STREAMS_QUEUE) private readonly streams: Queue,
    @InjectQueue(CALLBACKS_QUEUE) private readonly callbackQueue: Queue,
  ) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    this.requests = new Histogram({
      name: 'manycast_http_request_seconds',
      help: 'HTTP requests of this API process, by route',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    });
    this.callbacks = new Counter({
      name: 'manycast_callback_attempts_total',
      help: 'Callback attempts of this API process',
      labelNames: ['outcome'],
      registers,
    });
    this.strays = new Counter({
      name: 'manycast_stray_errors_total',
      help: 'Errors of this API process that nothing was there to take, by kind; each is a bug',
      labelNames: ['kind'],
      registers,
    });
    for (const kind of UNHANDLED_KINDS) this.strays.inc({ kind }, 0);
    this.gauge(
      'manycast_streams',
      'Streams that have not ended',
      'state',
      () =>
        this.prisma
          .$queryRaw`SELECT state::text AS label, count(*)::int AS value FROM streams WHERE state <> 'ended' GROUP BY state`,
    );
    this.gauge(
      'manycast_transfers',
      'Transfers of streams that have not ended',
      'state',
      () =>
        this.prisma.$queryRaw`
        SELECT transfers.state::text AS label, count(*)::int AS value FROM transfers JOIN streams ON streams.id = stream_id
        WHERE streams.state <> 'ended' AND transfers.ended_at IS NULL GROUP BY transfers.state`,
    );
    this.gauge('manycast_node_slots', 'Slots of each node', 'node', async () =>
      (await this.nodes.nodes()).map(({ nodeId, slots }) => ({ label: nodeId, value: slots })),
    );
    this.gauge('manycast_node_slots_used', 'Streams on each node', 'node', async () =>
      (await this.nodes.nodes()).map(({ nodeId, used }) => ({ label: nodeId, value: used })),
    );
    this.gauge('manycast_node_cpu_ratio', 'How busy the machine of each node is', 'node', async () =>
      (await this.nodes.nodes()).map(({ nodeId, cpu }) => ({ label: nodeId, value: cpu })),
    );
    for (const state of STATES_OF_JOBS) {
      this.gauge(`manycast_jobs_${state}`, `Jobs that are ${state}`, 'queue', async () =>
        (await this.queues()).map((queue) => ({ label: queue.name, value: queue[state] })),
      );
    }
  }

  observeRequest(method: string, route: string, status: number, seconds: number): void {
    this.requests.observe({ method, route, status }, seconds);
  }

  countCallback(outcome: string): void {
    this.callbacks.inc({ outcome });
  }

  countUnhandled(kind: UnhandledKind): void {
    this.strays.inc({ kind });
  }

  async queues(): Promise<QueueCounts[]> {
    return Promise.all(
      [this.streams, this.callbackQueue].map(async (queue) => {
        const counts = await within(
          COLLECT_MS,
          `counting the jobs of ${queue.name}`,
          queue.getJobCounts(...STATES_OF_JOBS),
        );
        const { waiting = 0, active = 0, delayed = 0, failed = 0 } = counts;
        return { name: queue.name, waiting, active, delayed, failed };
      }),
    );
  }

  private gauge(
    name: string,
    help: string,
    label: string,
    read: () => Promise<{ label: string; value: number }[]>,
  ): void {
    const gauge: Gauge = new Gauge({
      name,
      help,
      labelNames: [label],
      registers: [this.registry],
      collect: async () => {
        gauge.reset();
        try {
          for (const row of await read()) gauge.set({ [label]: row.label }, row.value);
        } catch (error) {
          // The others are worth having all the same.
          this.logger.warn(`${name} not read: ${String(error).slice(0, 200)}`);
        }
      },
    });
  }
}
