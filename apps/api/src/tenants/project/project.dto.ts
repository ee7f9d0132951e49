import { IsOptional, IsString, Length, Matches, MaxLength } from 'class-validator';
import type { Project } from '#libs/db';
import { ProjectPageQuery } from './project-page.js';
import { MayBeAbsent, MayBeAbsentOrNull } from '../../http/validation.js';

export class ProjectQuery extends ProjectPageQuery {
  /** Only projects whose name contains this, in upper or lower case; empty: all. */
  @IsOptional()
  @IsString()
  @MaxLength(100)
  @Matches(/^\P{Cc}*$/u, { message: 'q must be text without control characters' })
  q?: string;
}

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
