import type { Request } from 'express';

const ONLY = Symbol('only scheme');
type WithScheme = Request & { [ONLY]?: string };

/** From now on, only this Passport strategy says who sends `request`, whatever headers and cookies come along. */
export function authenticateOnlyBy(request: Request, strategy: string): void {
  (request as WithScheme)[ONLY] = strategy;
}

/** The strategy that alone decides, if one was named. */
export const onlyScheme = (request: Request): string | undefined => (request as WithScheme)[ONLY];
