export function endMarked(mark: string, graceMs?: number): Promise<void>;
