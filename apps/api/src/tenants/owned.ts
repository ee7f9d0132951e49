// What of a caller's own a path names; anything else does not exist.
import { NotFoundException } from '@nestjs/common';
import type { EntryPoint, Prisma, PrismaService, Project } from '#libs/db';
import { ownedBy, type Caller } from '../auth/caller.js';
import { PathName, pathParams } from '../http/validation.js';

/** An entry point as paths name it. */
export interface EntryPointPath {
  appid: string;
  entryPoint: string;
}

/** The EntryPointPath of a request, as a handler's parameter. */
export const EntryPointParams = pathParams({ appid: PathName, entryPoint: PathName });

export const unknownProject = (): Error => new NotFoundException('This project does not exist.');
export const unknownEntryPoint = (): Error => new NotFoundException('This entry point does not exist.');

/** The caller's project. Throws 404. */
export async function requireProject(prisma: PrismaService, caller: Caller, appid: string): Promise<Project> {
  const project = await prisma.project.findFirst({ where: { ...ownedBy(caller), id: appid } });
  if (project === null) throw unknownProject();
  return project;
}

/** The caller's entry point of that name, for a `where`. */
export const namedEntryPoint = (caller: Caller, { appid, entryPoint }: EntryPointPath) =>
  ({
    name: entryPoint,
    deletedAt: null,
    project: { ...ownedBy(caller), id: appid },
  }) satisfies Prisma.EntryPointWhereInput;

/** The caller's entry point of that name. Throws 404. */
export async function requireEntryPoint(
  prisma: PrismaService,
  caller: Caller,
  path: EntryPointPath,
): Promise<EntryPoint> {
  const entryPoint = await prisma.entryPoint.findFirst({ where: namedEntryPoint(caller, path) });
  if (entryPoint === null) throw unknownEntryPoint();
  return entryPoint;
}
