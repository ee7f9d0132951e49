import { IsOptional, IsString } from 'class-validator';
import type { EntryPoint } from '#libs/db';
import { ENTRY_POINT_NAME } from '#libs/transfer';
import { MayBeAbsent } from '../../http/validation.js';
import { Describe } from '../../openapi/request.js';
import { component, flag, listOf, orNull, record, text, time, type Shape } from '../../openapi/schema.js';

/** The name comes as `?id=` (Agora's form) or as `name` in the body. */
export class CreateEntryPointQuery {
  @IsOptional()
  @IsString()
  @Describe("The name, in Agora's form.")
  id?: string;
}

/** For a new one, or a new name. */
export class EntryPointName {
  @MayBeAbsent()
  @IsString()
  @Describe('', { pattern: ENTRY_POINT_NAME.source })
  name?: string;
}

export const EntryPointResponse = component(
  'EntryPoint',
  record({
    name: text(),
    createdAt: time(),
    transfer: record({ enabled: flag(), callbackUrl: orNull(text()) }),
  }),
);
export type EntryPointResponse = Shape<typeof EntryPointResponse>;

export const EntryPointsResponse = record({ entryPointList: listOf(EntryPointResponse) });
export type EntryPointsResponse = Shape<typeof EntryPointsResponse>;

export function toEntryPointResponse(row: EntryPoint): EntryPointResponse {
  return {
    name: row.name,
    createdAt: row.createdAt.toISOString(),
    transfer: { enabled: row.transferEnabled, callbackUrl: row.callbackUrl },
  };
}
