export function endPipelines(runDir: string, graceMs?: number): Promise<void>;

/** The pids of the pipelines whose socket lies in `runDir`. */
export function pipelinesOf(runDir: string): number[];
