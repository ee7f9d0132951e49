import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of this checkout. */
export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Everything that a run leaves behind: databases, sockets, logs, generated secrets. Git-ignored; deleting it starts afresh. */
export const STATE_DIR = join(ROOT, '.manycast');
