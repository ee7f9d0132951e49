import { Type } from 'class-transformer';
import { IsInt, IsOptional, IsUUID, Max, Min } from 'class-validator';

/** A page of a stream's transfers, oldest first: `cursor` is the `nextCursor` of the page before. The default is more than nearly every stream has, because there was no limit in the first version. */
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
