// What a process gives up.
import { native } from './native.js';

/** What a confined process may use at most. */
export interface Bounds {
  /** User and group to become; 0: stay who we are. */
  uid: number;
  /** Open files (RLIMIT_NOFILE). */
  files: number;
  /** Size of a file that is written to, bytes (RLIMIT_FSIZE). */
  fileBytes: number;
  /** Memory for data, bytes (RLIMIT_DATA: RLIMIT_AS would count what V8 only reserves). */
  dataBytes: number;
  /** Threads of the new user (RLIMIT_NPROC); not used where `uid` is 0. */
  tasks: number;
}

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
