import { IsOptional, IsUUID } from 'class-validator';
import { PageQuery } from '../http/page.js';
import { Describe } from '../openapi/request.js';

export class DeliveryQuery extends PageQuery {
  @IsOptional()
  @IsUUID()
  @Describe('Only what belongs to this stream.')
  streamId?: string;
}
