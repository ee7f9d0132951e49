import { IsBoolean, IsString, Length, MaxLength } from 'class-validator';
import type { Project } from '#libs/db';
import { MayBeAbsent, MayBeAbsentOrNull } from '../../http/validation.js';

/** Agora, "Configure origin authentication". Absent keeps, null clears. */
export class UpdateStreamAuth {
  @MayBeAbsent()
  @IsBoolean()
  enabled?: boolean;

  @MayBeAbsentOrNull()
  @IsString()
  @MaxLength(2048)
  url?: string | null;

  /** Signs the questions; never shown again. */
  @MayBeAbsentOrNull()
  @IsString()
  @Length(1, 256)
  secret?: string | null;
}

export interface StreamAuthResponse {
  enabled: boolean;
  url: string | null;
  hasSecret: boolean;
}

/** Agora's own example has no scheme. */
export const completeUrl = (url: string): string => (url.includes('://') ? url : `https://${url}`);

export function toStreamAuthResponse({
  streamAuthEnabled,
  streamAuthUrl,
  streamAuthSecret,
}: Pick<Project, 'streamAuthEnabled' | 'streamAuthUrl' | 'streamAuthSecret'>): StreamAuthResponse {
  return { enabled: streamAuthEnabled, url: streamAuthUrl, hasSecret: streamAuthSecret !== null };
}
