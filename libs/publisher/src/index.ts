// @manycast/publisher: publishes from a web page. As a plain script, everything here hangs on the global `Manycast`.
import { Session, type SessionOptions } from './session.js';

/** Names the place to publish to; makes no connection that would have to be kept. */
export const createSession = (options: SessionOptions): Session => new Session(options);

export type { Reconnecting } from './publication.js';
export type { SendSettings } from './connection.js';
export { getMediaDevices, type MediaDevices, releaseLocalMedia } from './media.js';
export { type Session, type SessionOptions, SESSION_STATUS, type SessionStatus } from './session.js';
export type { StreamStats } from './stats.js';
export {
  type Stream,
  STREAM_EVENT,
  type StreamEvents,
  type StreamOptions,
  STREAM_STATUS,
  type StreamStatus,
} from './stream.js';
export { createTestCard, type TestCard, type TestCardOptions } from './test-card.js';
export { type TokenSource } from './whip-client.js';
