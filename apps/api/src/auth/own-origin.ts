import type { Request } from 'express';
import { refuse } from '../http/problem.js';

/**
 * Throws 403 for a browser's request from another site's page; programs send no Origin. A sandboxed page's is the word `null`.
 * Ours are the host that the request names and the one of PUBLIC_URL: a proxy may replace the former by its own name for us.
 */
export function requireOwnOrigin(request: Request, publicUrl: string | undefined): void {
  const { origin } = request.headers;
  if (origin === undefined) return;
  if (!URL.canParse(origin)) throw foreignOrigin(FOREIGN_PAGE);
  const { host } = new URL(origin);
  if (
    host !== request.get('host') &&
    !(publicUrl !== undefined && URL.canParse(publicUrl) && host === new URL(publicUrl).host)
  )
    throw foreignOrigin(FOREIGN_PAGE);
}

const FOREIGN_PAGE =
  'The page is of another host than this service is. When it is the dashboard behind a proxy, set PUBLIC_URL to the address in the browser.';
/** For a request with the cookie of the dashboard that lacks its header. */
export const NO_HEADER = 'Send the header "X-Manycast: dashboard", or use HTTP Basic authentication.';

export const foreignOrigin = (detail: string): Error =>
  refuse(403, 'This request did not come from the dashboard.', { code: 'foreign_origin', detail });
