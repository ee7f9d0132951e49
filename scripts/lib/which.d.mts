export function which(program: string): string | undefined;
