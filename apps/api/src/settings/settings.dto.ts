import { IsBoolean, IsString, ValidateIf } from 'class-validator';
import type { EntryPoint } from '#libs/db';
import { MayBeAbsent } from '../validation.js';

/** Agora, "Update stream transfer settings". Absent keeps, null clears. */
export class UpdateTransferSettings {
  @MayBeAbsent()
  @IsBoolean()
  enabled?: boolean;

  @ValidateIf((body: UpdateTransferSettings) => body.callbackUrl != null)
  @IsString()
  callbackUrl?: string | null;
}

export interface TransferSettingsResponse {
  enabled: boolean;
  callbackUrl: string | null;
}

export function toTransferSettingsResponse(row: Pick<EntryPoint, 'transferEnabled' | 'callbackUrl'>): TransferSettingsResponse {
  return { enabled: row.transferEnabled, callbackUrl: row.callbackUrl };
}
