import { Type } from 'class-transformer';
import { IsInt, IsOptional, IsString, IsUUID, Matches, Max, Min } from 'class-validator';
import { Describe } from '../openapi/request.js';
import { POSITION } from './position.js';

/** A page of events, newest first; their ids are numbers. */
export class EventQuery {
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(200)
  @Describe('At most so many.')
  limit = 50;

  @IsOptional()
  @IsString()
  @Matches(/^\d{1,18}$/, { message: 'cursor must be the nextCursor of a page before' })
  @Describe('`nextCursor` of the page before.')
  cursor?: string;

  /** Only what happened to one stream. */
  @IsOptional()
  @IsUUID()
  streamId?: string;
}

/** Of a live event feed. */
export class FeedQuery {
  /** As the header, for a page that opens another feed in place of one: an EventSource takes no headers. */
  @IsOptional()
  @Matches(POSITION, { message: 'lastEventId must be the id of a message' })
  lastEventId?: string;

  /** Figures of these streams only. */
  @IsOptional()
  @Matches(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(,[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}){0,99}$/, {
    message: 'figuresOf must be up to 100 ids of streams, separated by commas',
  })
  figuresOf?: string;
}
