// For operators and probes.
import { feed, page, pageOf, states, type Operation } from '../operation.js';
import { listOf, record, ref, text, whole } from '../schema.js';

export const operator: Operation[] = [
  { method: 'get', path: '/v1/nodes', tag: 'Operation', summary: 'Worker nodes (operators)', answers: { 200: record({ nodes: listOf(ref('Node')) }) }, isOperators: true },
  { method: 'get', path: '/v1/queues', tag: 'Operation', summary: 'Jobs (operators)', answers: { 200: record({ queues: listOf(ref('Queue')) }) }, isOperators: true },
  {
    method: 'get',
    path: '/v1/history',
    tag: 'Operation',
    summary: 'A point per minute (operators)',
    isOperators: true,
    query: { minutes: whole('', { minimum: 1, maximum: 1440, default: 60 }) },
    answers: { 200: record({ points: listOf(ref('HistoryPoint')) }) },
  },
  { method: 'get', path: '/v1/streams', tag: 'Operation', summary: 'Streams of all projects (operators)', query: { ...page, state: states }, answers: { 200: pageOf('streams', 'Stream') }, isOperators: true },
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
  { method: 'get', path: '/metrics', tag: 'Operation', summary: 'For Prometheus (operators, or METRICS_TOKEN)', answers: { 200: text() }, mediaType: 'text/plain', isOperators: true },
  { method: 'get', path: '/healthz', tag: 'Operation', summary: 'The process answers', answers: { 200: ref('Health') }, isPublic: true },
  { method: 'get', path: '/readyz', tag: 'Operation', summary: 'Postgres and Redis answer as well', answers: { 200: ref('Health'), 503: ref('Health') }, isPublic: true },
  { method: 'get', path: '/openapi.json', tag: 'Operation', summary: 'This document', answers: { 200: { type: 'object' } }, isPublic: true },
];
