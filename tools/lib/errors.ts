/** The code of a system error (`ENOENT`, `ESRCH` ...), or of whatever else bears one. */
export const codeOf = (error: unknown): string => String((error as NodeJS.ErrnoException | undefined)?.code ?? '');

/** What an error says. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
