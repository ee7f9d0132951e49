import { accessSync, constants, statSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from './errors.ts';

// Daemons live in sbin, which is not on the PATH of an ordinary Debian user.
const EXTRA_DIRS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** The full path of a program, or undefined when it is not installed. */
export function which(program: string): string | undefined {
  for (const dir of [...(process.env.PATH ?? '').split(':').filter(Boolean), ...EXTRA_DIRS]) {
    const path = join(dir, program);
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile()) return path;
    } catch (error) {
      if (!['ENOENT', 'EACCES', 'ENOTDIR'].includes(codeOf(error))) throw error;
    }
  }
  return undefined;
}
