import { IsInt, IsString, Length, Max, Min } from 'class-validator';
import type { RestKey } from '#libs/db';
import { MayBeAbsent } from '../../../http/validation.js';

export class CreateRestKey {
  /** For people: which page has it. */
  @MayBeAbsent()
  @IsString()
  @Length(0, 100)
  label = '';

  /** Seconds from now; without, it does not expire. */
  @MayBeAbsent()
  @IsInt()
  @Min(60)
  @Max(315_360_000)
  expiresIn?: number;
}

export interface RestKeyResponse {
  id: string;
  label: string;
  createdAt: string;
  /** To the minute. */
  lastUsedAt: string | null;
  expiresAt: string | null;
}

export interface NewRestKeyResponse extends RestKeyResponse {
  /** Shown this once. */
  key: string;
  /** What goes in the place of a client's base URL. */
  baseUrl: string;
}

export function toRestKeyResponse({ id, label, createdAt, lastUsedAt, expiresAt }: RestKey): RestKeyResponse {
  return {
    id,
    label,
    createdAt: createdAt.toISOString(),
    lastUsedAt: lastUsedAt?.toISOString() ?? null,
    expiresAt: expiresAt?.toISOString() ?? null,
  };
}
