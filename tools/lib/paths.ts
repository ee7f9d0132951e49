import { dirname, join } from 'node:path';

/** The root of this checkout. */
export const ROOT = dirname(dirname(import.meta.dirname));

/** Everything that a run leaves behind: databases, sockets, logs, generated secrets. Git-ignored; deleting it starts afresh. */
export const STATE_DIR = join(ROOT, '.manycast');
