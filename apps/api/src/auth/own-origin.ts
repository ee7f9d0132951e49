import type { Request } from 'express';
import { refuse } from '../problem.js';

/** Throws 403 for a browser's request from another site's page; programs send no Origin. A sandboxed page's is the word `null`. */
export function requireOwnOrigin(request: Request): void {
  const { origin } = request.headers;
  if (origin === undefined) return;
  if (!URL.canParse(origin) || new URL(origin).host !== request.get('host')) throw foreignOrigin();
}

export const foreignOrigin = (): Error =>
  refuse(403, 'This request did not come from the dashboard.', { code: 'foreign_origin', detail: 'Send the header "X-Manycast: dashboard", or use HTTP Basic authentication.' });
