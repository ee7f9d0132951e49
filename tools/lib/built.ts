import { join } from 'node:path';
import { ROOT } from './paths.ts';

/** A compiled module of ours, named from the root of the sources and without its ending. Its types are those of its source: the caller names them. */
export async function built<T>(name: string): Promise<T> {
  return (await import(join(ROOT, 'dist', `${name}.js`))) as T;
}
