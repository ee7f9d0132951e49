import { join } from 'node:path';
import { ROOT } from './paths.mjs';

/** A compiled module of ours, named from the root of the sources and without its ending. Its types are those of its source: the caller names them. */
export const built = (name) => import(join(ROOT, 'dist', `${name}.js`));
