import { Type } from 'class-transformer';
import { IsInt, IsOptional, IsString, IsUUID, Matches, Max, Min } from 'class-validator';
import { POSITION } from '../events/position.js';

/** Cursor pagination, newest first: `cursor` is the `nextCursor` of the page before. */
export class PageQuery {
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(200)
  limit = 50;

  @IsOptional()
  @IsUUID()
  cursor?: string;
}

/** The same for a stream's transfers, oldest first. By default so many as nearly every stream ever has, because there once was no limit. */
export class TransferPageQuery {
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1000)
  limit = 200;

  @IsOptional()
  @IsUUID()
  cursor?: string;
}

/** The same for what is listed by name or ID, in its order. */
export class NamePageQuery {
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(200)
  limit = 50;

  @IsOptional()
  @Matches(/^[A-Za-z0-9_.-]{1,128}$/, { message: 'cursor must be the nextCursor of a page before' })
  cursor?: string;
}

/** The same for projects, in the order of their creation. So many at once, because there once was no limit. */
export class ProjectPageQuery {
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1000)
  limit = 1000;

  @IsOptional()
  @IsString()
  @Matches(/^\d{1,15}\.[0-9a-f]{32}$/, { message: 'cursor must be the nextCursor of a page before' })
  cursor?: string;
}

/** The same for events, whose ids are numbers. */
export class EventQuery {
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(200)
  limit = 50;

  @IsOptional()
  @IsString()
  @Matches(/^\d{1,18}$/, { message: 'cursor must be the nextCursor of a page before' })
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
  @Matches(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(,[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}){0,99}$/, { message: 'figuresOf must be up to 100 ids of streams, separated by commas' })
  figuresOf?: string;
}

/** Splits what was found by `take: limit + 1` into a page and the cursor of the next. */
export function toPage<Row extends { id: string | bigint }>(rows: Row[], limit: number): { rows: Row[]; nextCursor: string | null } {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return { rows: page, nextCursor: rows.length > limit && last !== undefined ? String(last.id) : null };
}
