import { setFlagsFromString } from 'node:v8';

/**
 * V8 compiles what has run through so much of its bytecode. A stream runs the same few functions a hundred times a second, for hours:
 * with the default (seven times as much) they are slow for its first minutes. To be called when a stream runs, for what only happens
 * at its beginning is not worth compiling. A version of V8 that does not know the flag says so, and goes on.
 */
export function compileSooner(): void {
  setFlagsFromString('--interrupt-budget=20000');
}
