import { randomBytes } from 'node:crypto';
import type { Prisma, Project, SecretBox } from '#libs/db';

/** Makes a project with what each begins with: an appid, a key for its publish tokens, and the entry point `live`. */
export async function createProject(
  tx: Prisma.TransactionClient,
  customerId: string,
  name: string,
  box: SecretBox,
): Promise<Project> {
  const appid = randomBytes(16).toString('hex');
  const project = await tx.project.create({
    data: { id: appid, customerId, name, signingKey: newSigningKey(appid, box) },
  });
  await tx.entryPoint.create({ data: { projectId: appid, name: DEFAULT_ENTRY_POINT } });
  return project;
}

/** A key for publish tokens, sealed. */
export const newSigningKey = (appid: string, box: SecretBox): string =>
  box.seal(randomBytes(32).toString('base64url'), `project:${appid}`);

/** Made with the project, and as on Agora never deleted. */
export const DEFAULT_ENTRY_POINT = 'live';
