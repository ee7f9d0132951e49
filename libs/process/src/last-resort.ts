import { setTimeout as sleep } from 'node:timers/promises';

/** What is logged, and how. */
export interface LastResortLog {
  error: (fields: { err: unknown; count?: number }, message: string) => void;
  fatal: (fields: { err: unknown; count?: number }, message: string) => void;
}

/** A process that ends because of a fault gets so long to do it properly. */
const LEAVE_MS = 5000;

/** Of what happens again and again, the first ones and then fewer and fewer: a log has no bound of its own. */
const isWorthALine = (count: number): boolean => count <= 20 || Number.isInteger(Math.log2(count));

/** How often each kind has happened since the process began. */
export const faults = { rejections: 0, exceptions: 0 };

/**
 * For faults of ours that nobody caught. A promise without an owner has broken off one task, whose state is its own: it is logged and counted, and
 * the process goes on. An exception may have broken off anything between two steps: `leave` ends orderly what can be ended, and then the process does.
 */
export function installLastResort(log: LastResortLog, leave: (error: Error) => Promise<unknown>, exit: (code: number) => void = (code) => process.exit(code)): void {
  let leaving = false;
  process.on('unhandledRejection', (error) => {
    faults.rejections += 1;
    if (isWorthALine(faults.rejections)) log.error({ err: error, count: faults.rejections }, 'unhandled rejection');
  });
  process.on('uncaughtException', (error) => {
    faults.exceptions += 1;
    log.fatal({ err: error, count: faults.exceptions }, 'uncaught exception');
    if (leaving) return;
    leaving = true;
    end(error).catch(() => exit(1));
  });
  async function end(error: Error): Promise<void> {
    try {
      await Promise.race([leave(error), sleep(LEAVE_MS)]);
    } catch (failure) {
      log.fatal({ err: failure }, 'could not end properly');
    }
    exit(1);
  }
}
