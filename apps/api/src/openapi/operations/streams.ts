// Streams, transfers and events.
import { EventQuery } from '../../events/event.query.js';
import { EventPage } from '../../events/event.response.js';
import { StreamPage, StreamQuery, StreamResponse } from '../../streams/stream.dto.js';
import { TransferPageQuery } from '../../streams/transfers/transfer-page.js';
import { CreateTransfer, UpdateTransfer } from '../../streams/transfers/transfer.dto.js';
import { TransferPage, TransferResponse } from '../../streams/transfers/transfer.response.js';
import { FLS, FEED_MESSAGES, STREAM, TRANSFER, feed, type Operation } from '../operation.js';
import { queryOf } from '../request.js';
import { text } from '../schema.js';

export const streams: Operation[] = [
  {
    method: 'get',
    path: `${FLS}/streams`,
    tag: 'Streams',
    summary: 'List streams, newest first',
    query: queryOf(StreamQuery),
    answers: { 200: StreamPage },
  },
  { method: 'get', path: STREAM, tag: 'Streams', summary: 'A stream', answers: { 200: StreamResponse } },
  { method: 'delete', path: STREAM, tag: 'Streams', summary: 'End a stream', answers: { 204: null } },
  {
    method: 'get',
    path: `${STREAM}/thumbnail`,
    tag: 'Streams',
    summary: 'A picture of the last seconds',
    answers: { 200: text('', { format: 'binary' }) },
    mediaType: 'image/jpeg',
  },
  {
    method: 'get',
    path: `${STREAM}/transfers`,
    tag: 'Transfers',
    summary: 'Where a stream goes, oldest first',
    query: queryOf(TransferPageQuery),
    answers: { 200: TransferPage },
  },
  {
    method: 'post',
    path: `${STREAM}/transfers`,
    tag: 'Transfers',
    summary: 'Forward to one more URL',
    body: CreateTransfer,
    answers: { 201: TransferResponse },
    refusals: [403, 409],
  },
  { method: 'get', path: TRANSFER, tag: 'Transfers', summary: 'A transfer', answers: { 200: TransferResponse } },
  {
    method: 'patch',
    path: TRANSFER,
    tag: 'Transfers',
    summary: 'Mute, pause, insert a sound, transcode, or change the URL',
    body: UpdateTransfer,
    answers: { 200: TransferResponse },
    refusals: [409],
  },
  { method: 'delete', path: TRANSFER, tag: 'Transfers', summary: 'End a transfer', answers: { 204: null } },
  {
    method: 'post',
    path: `${TRANSFER}/retry`,
    tag: 'Transfers',
    summary: 'Try now instead of at nextRetryAt',
    answers: { 202: null },
    refusals: [409],
  },
  {
    method: 'get',
    path: `${FLS}/events`,
    tag: 'Events',
    summary: 'What happened, newest first',
    query: queryOf(EventQuery),
    answers: { 200: EventPage },
  },
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
