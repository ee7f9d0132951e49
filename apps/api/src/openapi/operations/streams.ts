// Streams, transfers and events.
import { FLS, FEED_MESSAGES, STREAM, TRANSFER, feed, page, pageOf, states, streamId, type Operation } from '../operation.js';
import { ref, text, whole } from '../schema.js';

export const streams: Operation[] = [
  {
    method: 'get',
    path: `${FLS}/streams`,
    tag: 'Streams',
    summary: 'List streams, newest first',
    query: { ...page, entry_point: text(), state: states },
    answers: { 200: pageOf('streams', 'Stream') },
  },
  { method: 'get', path: STREAM, tag: 'Streams', summary: 'A stream', answers: { 200: ref('Stream') } },
  { method: 'delete', path: STREAM, tag: 'Streams', summary: 'End a stream', answers: { 204: null } },
  { method: 'get', path: `${STREAM}/thumbnail`, tag: 'Streams', summary: 'A picture of the last seconds', answers: { 200: text('', { format: 'binary' }) }, mediaType: 'image/jpeg' },
  {
    method: 'get',
    path: `${STREAM}/transfers`,
    tag: 'Transfers',
    summary: 'Where a stream goes, oldest first',
    query: { ...page, limit: whole('At most so many.', { minimum: 1, maximum: 1000, default: 200 }) },
    answers: { 200: pageOf('transfers', 'Transfer') },
  },
  {
    method: 'post',
    path: `${STREAM}/transfers`,
    tag: 'Transfers',
    summary: 'Forward to one more URL',
    body: 'CreateTransfer',
    answers: { 201: ref('Transfer') },
    refusals: [403, 409],
  },
  { method: 'get', path: TRANSFER, tag: 'Transfers', summary: 'A transfer', answers: { 200: ref('Transfer') } },
  {
    method: 'patch',
    path: TRANSFER,
    tag: 'Transfers',
    summary: 'Mute, pause, insert a sound, transcode, or change the URL',
    body: 'UpdateTransfer',
    answers: { 200: ref('Transfer') },
    refusals: [409],
  },
  { method: 'delete', path: TRANSFER, tag: 'Transfers', summary: 'End a transfer', answers: { 204: null } },
  { method: 'post', path: `${TRANSFER}/retry`, tag: 'Transfers', summary: 'Try now instead of at nextRetryAt', answers: { 202: null }, refusals: [409] },
  { method: 'get', path: `${FLS}/events`, tag: 'Events', summary: 'What happened, newest first', query: { ...page, ...streamId }, answers: { 200: pageOf('events', 'Event') } },
  {
    method: 'get',
    path: `${FLS}/events/stream`,
    tag: 'Events',
    summary: `What happens, as it happens (Server-Sent Events: ${FEED_MESSAGES})`,
    ...feed,
    answers: { 200: text() },
    mediaType: 'text/event-stream',
  },
];
