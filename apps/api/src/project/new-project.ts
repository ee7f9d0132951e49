import { randomBytes } from 'node:crypto';
import type { Prisma, SecretBox } from '#libs/db';

/** What every project begins with: an appid, a key for its publish tokens, and the entry point `live`. */
export function newProject(customerId: string, name: string, box: SecretBox): Prisma.ProjectUncheckedCreateInput {
  const appid = randomBytes(16).toString('hex');
  return { id: appid, customerId, name, signingKey: newSigningKey(appid, box), entryPoints: { create: { name: DEFAULT_ENTRY_POINT } } };
}

/** A key for publish tokens, sealed. */
export const newSigningKey = (appid: string, box: SecretBox): string => box.seal(randomBytes(32).toString('base64url'), `project:${appid}`);

/** Made with the project, and as on Agora never deleted. */
export const DEFAULT_ENTRY_POINT = 'live';
