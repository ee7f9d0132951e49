import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** The checkout's root, from the sources as well as from dist/. */
function root(): string {
  for (let dir = import.meta.dirname; dir !== dirname(dir); dir = dirname(dir)) {
    const file = join(dir, 'package.json');
    if (existsSync(file) && (JSON.parse(readFileSync(file, 'utf8')) as { name?: string }).name === 'manycast') return dir;
  }
  throw new Error('the native addons are not inside a manycast checkout');
}

/** An addon of native/, once built; GST_ADDON_BUILD, which only scripts/fuzz-media.mjs sets, names another build of it. Throws where it is missing. */
export function load<T>(name: string): T {
  const file = join(root(), 'libs/gst', process.env.GST_ADDON_BUILD ?? 'build', `${name}.node`);
  if (!existsSync(file)) throw new Error(`${file} is missing: npm run setup builds it`);
  return createRequire(import.meta.url)(file) as T;
}
