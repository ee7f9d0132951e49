// For operators and probes.
import { HealthResponse } from '../../health/health.response.js';
import { HistoryQuery, HistoryResponse, QueuesResponse } from '../../metrics/metrics.dto.js';
import { NodesResponse } from '../../nodes/node.response.js';
import { AllStreamsQuery, StreamPage } from '../../streams/stream.dto.js';
import { feed, type Operation } from '../operation.js';
import { queryOf } from '../request.js';
import { text } from '../schema.js';

export const operator: Operation[] = [
  {
    method: 'get',
    path: '/v1/nodes',
    tag: 'Operation',
    summary: 'Worker nodes (operators)',
    answers: { 200: NodesResponse },
    isOperators: true,
  },
  {
    method: 'get',
    path: '/v1/queues',
    tag: 'Operation',
    summary: 'Jobs (operators)',
    answers: { 200: QueuesResponse },
    isOperators: true,
  },
  {
    method: 'get',
    path: '/v1/history',
    tag: 'Operation',
    summary: 'A point per minute (operators)',
    isOperators: true,
    query: queryOf(HistoryQuery),
    answers: { 200: HistoryResponse },
  },
  {
    method: 'get',
    path: '/v1/streams',
    tag: 'Operation',
    summary: 'Streams of all projects (operators)',
    query: queryOf(AllStreamsQuery),
    answers: { 200: StreamPage },
    isOperators: true,
  },
  {
    method: 'get',
    path: '/v1/events/stream',
    tag: 'Operation',
    summary: 'What happens in all projects (operators)',
    isOperators: true,
    ...feed,
    answers: { 200: text() },
    mediaType: 'text/event-stream',
  },
  {
    method: 'get',
    path: '/metrics',
    tag: 'Operation',
    summary: 'For Prometheus (operators, or METRICS_TOKEN)',
    answers: { 200: text() },
    mediaType: 'text/plain',
    isOperators: true,
  },
  {
    method: 'get',
    path: '/healthz',
    tag: 'Operation',
    summary: 'The process answers',
    answers: { 200: HealthResponse },
    isPublic: true,
  },
  {
    method: 'get',
    path: '/readyz',
    tag: 'Operation',
    summary: 'Postgres and Redis answer as well',
    answers: { 200: HealthResponse, 503: HealthResponse },
    isPublic: true,
  },
  {
    method: 'get',
    path: '/openapi.json',
    tag: 'Operation',
    summary: 'This document',
    answers: { 200: { type: 'object' } },
    isPublic: true,
  },
];
