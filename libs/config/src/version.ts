import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rootDirectory } from '#libs/process';

/** The version in package.json. */
export const VERSION = (JSON.parse(readFileSync(join(rootDirectory(), 'package.json'), 'utf8')) as { version: string })
  .version;
