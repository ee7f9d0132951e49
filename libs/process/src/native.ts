import { loadAddon } from './load-addon.js';
import type { Bounds } from './sandbox.js';

/** What native/*.c exports; see there. */
interface Native {
  confine(bounds: Bounds): string[];
  closeMemory(): boolean;
  tcpProgress(fd: number): [acked: number, waiting: number] | null;
  limitUnsent(fd: number, bytes: number): boolean;
}

export const native = loadAddon<Native>('process');
