import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { rootDirectory } from './root.js';

/** An addon of libs/Makefile, once built; ADDON_BUILD, which only scripts/fuzz-media.mjs sets, names another build of it. Throws where it is missing. */
export function loadAddon<T>(name: string): T {
  const file = join(rootDirectory(), 'libs', process.env.ADDON_BUILD ?? 'build', `${name}.node`);
  if (!existsSync(file)) throw new Error(`${file} is missing: npm run setup builds it`);
  return createRequire(import.meta.url)(file) as T;
}
