/** Owns a promise that nobody waits for: its failure is written to this process's log, and nothing else depends on it. */
export function inBackground(what: string, work: Promise<unknown>): void {
  work.catch((error: unknown) =>
    process.stderr.write(`${what}: ${error instanceof Error ? error.stack : String(error)}\n`),
  );
}
