// For operators.
import { decimal, enumOf, flag, record, text, time, whole, type Schema } from '../schema.js';

export const OPERATION: Record<string, Schema> = {
  Node: record({
    nodeId: text(),
    slots: whole(),
    used: whole(),
    draining: flag('Takes no new streams.'),
    cpu: decimal('Of all cores of its machine, 0 to 1.'),
    version: text(),
    startedAt: time(),
  }),
  Queue: record({ name: text(), waiting: whole(), active: whole(), delayed: whole(), failed: whole() }),
  HistoryPoint: record({
    at: time('Beginning of the minute.'),
    streams: whole(),
    transfersLive: whole(),
    transfersFailing: whole(),
    arrivals: whole(),
    callbacksOk: whole(),
    callbacksFailed: whole(),
  }),
  Health: record({ status: enumOf(['ok', 'unavailable']) }, { postgres: text(), redis: text() }),
};
