import { IsString, Length } from 'class-validator';
import type { Project } from '#libs/db';
import { MayBeAbsent, MayBeAbsentOrNull } from '../../http/validation.js';

export class CreateProject {
  @IsString()
  @Length(1, 100)
  name: string;
}

export class UpdateProject {
  @MayBeAbsent()
  @IsString()
  @Length(1, 100)
  name?: string;

  /** Key of signed publish URLs (Agora: up to 128 characters); null refuses them. Never shown again. */
  @MayBeAbsentOrNull()
  @IsString()
  @Length(8, 128)
  authKey?: string | null;
}

export interface ProjectResponse {
  appid: string;
  name: string;
  /** Whether signed publish URLs are accepted. */
  hasAuthKey: boolean;
  createdAt: string;
}

export function toProjectResponse(row: Project): ProjectResponse {
  return { appid: row.id, name: row.name, hasAuthKey: row.authKey !== null, createdAt: row.createdAt.toISOString() };
}
