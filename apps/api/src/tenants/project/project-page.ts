import { Type } from 'class-transformer';
import { IsInt, IsOptional, IsString, Matches, Max, Min } from 'class-validator';

/** A page of projects, in the order of their creation. The default is large because there was no limit in the first version. */
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
