import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

function find(): string {
  for (let dir = import.meta.dirname; dir !== dirname(dir); dir = dirname(dir)) {
    const file = join(dir, 'package.json');
    if (!existsSync(file)) continue;
    const { name, version } = JSON.parse(readFileSync(file, 'utf8')) as { name?: string; version?: string };
    if (name === 'manycast' && version !== undefined) return version;
  }
  throw new Error('the package.json of manycast is missing: it must lie above dist/');
}

/** The version in package.json, from the sources as well as from dist/. */
export const VERSION = find();
