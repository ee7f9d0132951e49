// Agora's API beyond transfers.
import { FLS, ENTRY_POINT, type Operation } from '../operation.js';
import { listOf, record, ref, text } from '../schema.js';

const BANNED = `${ENTRY_POINT}/admin/banned_streams`;
const STREAM_AUTH = `${FLS}/settings/streamauth/webhook`;
export const agora: Operation[] = [
  {
    method: 'get',
    path: BANNED,
    tag: 'Agora',
    summary: 'Banned stream names',
    answers: { 200: record({ bannedStreamList: listOf(ref('BannedStream')) }) },
  },
  {
    method: 'patch',
    path: `${BANNED}/{streamName}`,
    tag: 'Agora',
    summary: 'Ban a stream name; a stream of this name that runs is ended',
    body: ref('BanStream'),
    answers: { 200: ref('BannedStream') },
    refusals: [409],
  },
  {
    method: 'delete',
    path: `${BANNED}/{streamName}`,
    tag: 'Agora',
    summary: 'Unban a stream name',
    answers: { 200: null },
  },
  {
    method: 'get',
    path: `${ENTRY_POINT}/reports/online_streams`,
    tag: 'Agora',
    summary: 'Streams that are online',
    answers: {
      200: record({
        streamList: listOf(record({ name: text(), startTime: text('First media.', { format: 'date-time' }) })),
      }),
    },
  },
  {
    method: 'get',
    path: `${ENTRY_POINT}/reports/online_streams/{streamName}`,
    tag: 'Agora',
    summary: 'Since when a stream is online; 404 when it is not',
    answers: { 200: record({ startTime: text('First media.', { format: 'date-time' }) }) },
  },
  {
    method: 'get',
    path: `${ENTRY_POINT}/reports/publish_history`,
    tag: 'Agora',
    summary: 'Streams that have ended, the latest end first (1000 at most)',
    query: {
      start_time: text('RFC 3339; 60 days before end_time when absent.'),
      end_time: text('RFC 3339; now when absent.'),
      stream_name: text(),
    },
    answers: { 200: record({ publishHistory: listOf(ref('PublishInfo')) }) },
  },
  {
    method: 'get',
    path: STREAM_AUTH,
    tag: 'Agora',
    summary: 'Whom to ask before a publisher is let in',
    answers: { 200: ref('StreamAuth') },
  },
  {
    method: 'patch',
    path: STREAM_AUTH,
    tag: 'Agora',
    summary: 'Change it',
    body: ref('UpdateStreamAuth'),
    answers: { 200: ref('StreamAuth') },
  },
];
