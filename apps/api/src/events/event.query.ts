import { IsOptional, IsString, IsUUID, Matches } from 'class-validator';
import { LimitQuery } from '../http/page.js';
import { Describe } from '../openapi/request.js';
import { POSITION } from './position.js';

/** A page of events, newest first. A cursor is the id of the last one, a number, and its time (ms): so the next ones are found without looking through all days. */
export class EventQuery extends LimitQuery {
  @IsOptional()
  @IsString()
  @Matches(/^\d{1,18}(\.\d{1,15})?$/, { message: 'cursor must be the nextCursor of a page before' })
  @Describe('`nextCursor` of the page before.')
  cursor?: string;

  @IsOptional()
  @IsUUID()
  @Describe('Only what belongs to this stream.')
  streamId?: string;
}

/** Of a live event feed. */
export class FeedQuery {
  /** As the header, for a page that opens another feed in place of one: an EventSource takes no headers. */
  @IsOptional()
  @Matches(POSITION, { message: 'lastEventId must be the id of a message' })
  @Describe('The id of the last message that was read: begin with what happened since, each event once.')
  lastEventId?: string;

  @IsOptional()
  @Matches(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(,[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}){0,99}$/, {
    message: 'figuresOf must be up to 100 ids of streams, separated by commas',
  })
  @Describe(
    'Ids of up to 100 streams, separated by commas: figures of these only. Without, of the newest 300 that run.',
  )
  figuresOf?: string;
}
