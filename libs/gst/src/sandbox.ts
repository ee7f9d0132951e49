import { type Bounds, native } from './native.js';

/**
 * Gives up what this process does not need any more, for good and in every thread: its user (where it has a right to), capabilities, new
 * privileges, system calls that reach programs, processes or mounts, core dumps. Returns a sentence for each measure that this machine does not allow.
 * What needs a file of the former user must have been loaded before: libraries outside of the system's own folders, GStreamer's registry.
 */
export function confine(bounds: Bounds): string[] {
  return native.confine(bounds);
}

/** Closes this process's memory and environment (/proc/<pid>/mem, environ) to other processes of the same user (prctl(2), PR_SET_DUMPABLE). */
export function closeMemory(): boolean {
  return native.closeMemory();
}
