/** Jobs carry ids only: job data lies in Redis in clear text, and a second copy of a row can disagree with it. */
export const STREAMS_QUEUE = 'streams';
export const CALLBACKS_QUEUE = 'callbacks';

/** A publisher waits for an answer; job id = session id. The job is short: claim, answer, done. */
export interface StreamJob {
  streamId: string;
  sessionId: string;
  /** Wire channel of the API instance that waits; the reply's id is the session id. */
  replyTo: string;
}

/** Ask the customer's server where a stream shall go; job id = stream id. */
export interface CallbackJob {
  streamId: string;
  /** Asked for by hand: once, and also when the stream has its answer already. */
  isReplay?: boolean;
}
