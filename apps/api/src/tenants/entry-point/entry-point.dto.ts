import { IsOptional, IsString } from 'class-validator';
import type { EntryPoint } from '#libs/db';
import { MayBeAbsent } from '../../http/validation.js';

/** The name comes as `?id=` (Agora's form) or as `name` in the body. */
export class CreateEntryPointQuery {
  @IsOptional()
  @IsString()
  id?: string;
}

export class CreateEntryPoint {
  @MayBeAbsent()
  @IsString()
  name?: string;
}

export class UpdateEntryPoint {
  @MayBeAbsent()
  @IsString()
  name?: string;
}

export interface EntryPointResponse {
  name: string;
  createdAt: string;
  transfer: { enabled: boolean; callbackUrl: string | null };
}

export function toEntryPointResponse(row: EntryPoint): EntryPointResponse {
  return {
    name: row.name,
    createdAt: row.createdAt.toISOString(),
    transfer: { enabled: row.transferEnabled, callbackUrl: row.callbackUrl },
  };
}
