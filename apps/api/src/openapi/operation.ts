// What operations are described with.
import { FeedQuery } from '../events/event.query.js';
import { queryOf } from './request.js';
import { text, type Schema } from './schema.js';

/** One operation. */
export interface Operation {
  method: 'get' | 'post' | 'patch' | 'delete' | 'options';
  path: string;
  tag: string;
  summary: string;
  /** The request body. */
  body?: Schema;
  query?: Record<string, Schema>;
  headers?: Record<string, Schema>;
  /** Answers but for the ones that all operations share; null: no body. */
  answers: Record<number, Schema | null>;
  /** Refusals beyond the shared ones. */
  refusals?: number[];
  /** Response headers beyond those that all operations share, by status. */
  headersOut?: Record<number, string[]>;
  /** No credentials of a customer. */
  isPublic?: boolean;
  /** Counts against the requests per second although it is public: it tells whose it is by its body. */
  isCounted?: boolean;
  /** Does not exist for customers. */
  isOperators?: boolean;
  /** Of bodies that are not JSON. */
  mediaType?: string;
  requestMediaType?: string;
}

export const PROJECT = '/v1/projects/{appid}';
export const FLS = `${PROJECT}/fls`;
export const ENTRY_POINT = `${FLS}/entry_points/{entryPoint}`;
export const STREAM = `${FLS}/streams/{streamId}`;
export const TRANSFER = `${STREAM}/transfers/{transferId}`;
export const CUSTOMER = '/v1/customers/{customerId}';

export const ifMatch = { 'If-Match': text('ETag of the settings that the change is meant for.') };
const feedQuery = queryOf(FeedQuery);
export const feed = { headers: { 'Last-Event-ID': feedQuery.lastEventId as Schema }, query: feedQuery };
export const FEED_MESSAGES =
  'event; figures, every 2 s; heartbeat; reset, when more was missed than is sent again: read the history';
