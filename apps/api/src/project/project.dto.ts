import { IsString, Length } from 'class-validator';
import type { Project } from '#libs/db';

export class CreateProject {
  @IsString()
  @Length(1, 100)
  name: string;
}

export class UpdateProject extends CreateProject {}

export interface ProjectResponse {
  appid: string;
  name: string;
  createdAt: string;
}

export function toProjectResponse(row: Project): ProjectResponse {
  return { appid: row.id, name: row.name, createdAt: row.createdAt.toISOString() };
}
