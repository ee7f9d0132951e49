import { IsOptional, IsString, Length, Matches, MaxLength } from 'class-validator';
import type { Project } from '#libs/db';
import { APPID } from '#libs/transfer';
import { Describe } from '../../openapi/request.js';
import { component, flag, pageOf, record, text, time, type Shape } from '../../openapi/schema.js';
import { ProjectPageQuery } from './project-page.js';
import { MayBeAbsent, MayBeAbsentOrNull } from '../../http/validation.js';

export class ProjectQuery extends ProjectPageQuery {
  @IsOptional()
  @IsString()
  @MaxLength(100)
  @Matches(/^\P{Cc}*$/u, { message: 'q must be text without control characters' })
  @Describe('Only projects whose name contains this, in upper or lower case; empty: all.')
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

  @MayBeAbsentOrNull()
  @IsString()
  @Length(8, 128)
  @Describe('Key of signed publish URLs (`?ts=&sign=`); null refuses them. Never shown again.')
  authKey?: string | null;
}

export const ProjectResponse = component(
  'Project',
  record({
    appid: text('', { pattern: APPID.source }),
    name: text(),
    hasAuthKey: flag('Whether signed publish URLs are accepted.'),
    createdAt: time(),
  }),
);
export type ProjectResponse = Shape<typeof ProjectResponse>;

export const ProjectPage = pageOf('projects', ProjectResponse);
export type ProjectPage = Shape<typeof ProjectPage>;

export function toProjectResponse(row: Project): ProjectResponse {
  return { appid: row.id, name: row.name, hasAuthKey: row.authKey !== null, createdAt: row.createdAt.toISOString() };
}
