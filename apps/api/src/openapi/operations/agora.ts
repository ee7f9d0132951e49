// Agora's API beyond transfers.
import { BannedStreamResponse, BannedStreamsResponse, BanStream } from '../../agora/ban/ban.dto.js';
import {
  HistoryQuery,
  OnlineSinceResponse,
  OnlineStreamsResponse,
  PublishHistoryResponse,
} from '../../agora/report/report.dto.js';
import { StreamAuthResponse, UpdateStreamAuth } from '../../agora/stream-auth/stream-auth.dto.js';
import { FLS, ENTRY_POINT, type Operation } from '../operation.js';
import { bodyOf, queryOf } from '../request.js';

const BANNED = `${ENTRY_POINT}/admin/banned_streams`;
const STREAM_AUTH = `${FLS}/settings/streamauth/webhook`;
export const agora: Operation[] = [
  {
    method: 'get',
    path: BANNED,
    tag: 'Agora',
    summary: 'Banned stream names',
    answers: { 200: BannedStreamsResponse },
  },
  {
    method: 'patch',
    path: `${BANNED}/{streamName}`,
    tag: 'Agora',
    summary: 'Ban a stream name; a stream of this name that runs is ended',
    body: bodyOf(BanStream),
    answers: { 200: BannedStreamResponse },
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
    answers: { 200: OnlineStreamsResponse },
  },
  {
    method: 'get',
    path: `${ENTRY_POINT}/reports/online_streams/{streamName}`,
    tag: 'Agora',
    summary: 'Since when a stream is online; 404 when it is not',
    answers: { 200: OnlineSinceResponse },
  },
  {
    method: 'get',
    path: `${ENTRY_POINT}/reports/publish_history`,
    tag: 'Agora',
    summary: 'Streams that have ended, the latest end first (1000 at most)',
    query: queryOf(HistoryQuery),
    answers: { 200: PublishHistoryResponse },
  },
  {
    method: 'get',
    path: STREAM_AUTH,
    tag: 'Agora',
    summary: 'Whom to ask before a publisher is let in',
    answers: { 200: StreamAuthResponse },
  },
  {
    method: 'patch',
    path: STREAM_AUTH,
    tag: 'Agora',
    summary: 'Change it',
    body: bodyOf(UpdateStreamAuth),
    answers: { 200: StreamAuthResponse },
  },
];
