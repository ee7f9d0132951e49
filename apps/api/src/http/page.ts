import { Type } from 'class-transformer';
import { IsInt, IsOptional, IsUUID, Matches, Max, Min } from 'class-validator';
import { Describe } from '../openapi/request.js';

/** How long a page is. */
export class LimitQuery {
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(200)
  @Describe('At most so many.')
  limit = 50;
}

/** Cursor pagination, newest first: `cursor` is the `nextCursor` of the page before. */
export class PageQuery extends LimitQuery {
  @IsOptional()
  @IsUUID()
  @Describe('`nextCursor` of the page before.')
  cursor?: string;
}

/** The same for what is listed by name or ID, in its order. */
export class NamePageQuery extends LimitQuery {
  @IsOptional()
  @Matches(/^[A-Za-z0-9_.-]{1,128}$/, { message: 'cursor must be the nextCursor of a page before' })
  @Describe('`nextCursor` of the page before.')
  cursor?: string;
}

/** Splits what was found by `take: limit + 1` into a page and the cursor of the next. */
export function toPage<Row extends { id: string | bigint }>(
  rows: Row[],
  limit: number,
): { rows: Row[]; nextCursor: string | null } {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return { rows: page, nextCursor: rows.length > limit && last !== undefined ? String(last.id) : null };
}
