import { Type } from 'class-transformer';
import { IsInt, IsOptional, Max, Min } from 'class-validator';
import { component, listOf, record, text, time, whole, type Shape } from '../openapi/schema.js';

export class HistoryQuery {
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1440)
  minutes = 60;
}

/** How many jobs of a queue are in each state. */
const queueCounts = component(
  'Queue',
  record({ name: text(), waiting: whole(), active: whole(), delayed: whole(), failed: whole() }),
);
export type QueueCounts = Shape<typeof queueCounts>;
export const QueuesResponse = record({ queues: listOf(queueCounts) });
export type QueuesResponse = Shape<typeof QueuesResponse>;

/** How the service was doing at one minute: streams and transfers at its end, the rest during it. */
const historyPoint = component(
  'HistoryPoint',
  record({
    at: time('Beginning of the minute.'),
    streams: whole(),
    transfersLive: whole(),
    transfersFailing: whole(),
    arrivals: whole(),
    callbacksOk: whole(),
    callbacksFailed: whole(),
  }),
);
export type HistoryPoint = Shape<typeof historyPoint>;
export const HistoryResponse = record({ points: listOf(historyPoint) });
export type HistoryResponse = Shape<typeof HistoryResponse>;
