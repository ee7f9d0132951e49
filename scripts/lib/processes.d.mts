export function endPipelines(runDir: string, graceMs?: number): Promise<void>;
