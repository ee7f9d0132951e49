import { writeFileSync } from 'node:fs';
import { confine } from '#libs/process/sandbox';

const MB = 1024 * 1024;
/** A transfer takes one, GStreamer several for each element; the API allows 50 transfers for a stream. */
const FILES = 1024;
/** Encoders make threads by the number of cores; a stream without encoders has 20. */
const TASKS = 4096;
/** The only file that a pipeline writes is its log: a publisher must not fill the disk with warnings. */
const LOG_BYTES = 8 * MB;
/**
 * The worker ends a pipeline by what it really uses; this is for what grows faster than the worker looks. RLIMIT_DATA counts
 * what is only reserved as well: each thread's stack, say.
 */
const RESERVED = 2;
/** When memory is short, the kernel ends a pipeline, which is one stream, before the worker or a database (proc_pid_oom_score_adj(5)). */
const OOM_SCORE = '500';

/**
 * Gives up all that a stream does not need. Returns what this machine does not allow.
 * @param uid to become; 0: none, we were not started as root
 */
export function confinePipeline(uid: number, memoryMb: number): string[] {
  writeFileSync('/proc/self/oom_score_adj', OOM_SCORE);
  return confine({ uid, files: FILES, tasks: TASKS, fileBytes: LOG_BYTES, dataBytes: RESERVED * memoryMb * MB });
}
