import { IsBoolean, IsString, Length, MaxLength } from 'class-validator';
import type { Project } from '#libs/db';
import { MayBeAbsent, MayBeAbsentOrNull } from '../../http/validation.js';
import { Describe, propertiesOf } from '../../openapi/request.js';
import { component, flag, orNull, record, text, type Shape } from '../../openapi/schema.js';

/** Agora, "Configure origin authentication". */
@Describe('Absent keeps, null clears.')
export class UpdateStreamAuth {
  @MayBeAbsent()
  @IsBoolean()
  @Describe('Whether the server is asked before a publisher is let in.')
  enabled?: boolean;

  @MayBeAbsentOrNull()
  @IsString()
  @MaxLength(2048)
  @Describe('http:// or https://; without a scheme, https://.')
  url?: string | null;

  @MayBeAbsentOrNull()
  @IsString()
  @Length(1, 256)
  @Describe('Signs the questions (Agora-Signature, Agora-Signature-V2); never shown again.')
  secret?: string | null;
}

export const StreamAuthResponse = component(
  'StreamAuth',
  record({ enabled: propertiesOf(UpdateStreamAuth).enabled, url: orNull(text()), hasSecret: flag() }),
);
export type StreamAuthResponse = Shape<typeof StreamAuthResponse>;

/** Agora's own example has no scheme. */
export const completeUrl = (url: string): string => (url.includes('://') ? url : `https://${url}`);

export function toStreamAuthResponse({
  streamAuthEnabled,
  streamAuthUrl,
  streamAuthSecret,
}: Pick<Project, 'streamAuthEnabled' | 'streamAuthUrl' | 'streamAuthSecret'>): StreamAuthResponse {
  return { enabled: streamAuthEnabled, url: streamAuthUrl, hasSecret: streamAuthSecret !== null };
}
