import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The folder of manycast: where its package.json lies, for the sources as well as for dist/. Throws where there is none above this file. */
export function rootDirectory(): string {
  for (let dir = import.meta.dirname; dir !== dirname(dir); dir = dirname(dir)) {
    const file = join(dir, 'package.json');
    if (existsSync(file) && (JSON.parse(readFileSync(file, 'utf8')) as { name?: string }).name === 'manycast')
      return dir;
  }
  throw new Error('the package.json of manycast is missing: it must lie above dist/');
}
