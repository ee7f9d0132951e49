import { parseCookie, stringifySetCookie } from 'cookie';
import type { Request } from 'express';

/** Over https the browser itself guarantees what the prefix says: this host only, no other path, never in clear. */
const SECURE_NAME = '__Host-manycast_session';
const NAME = 'manycast_session';

/** The token in the dashboard's cookie, if there is one. Over https only the prefixed name counts: the plain one can be set by another host of the domain, or over http. */
export function tokenOf(request: Request): string | undefined {
  return parseCookie(request.headers.cookie ?? '')[request.secure ? SECURE_NAME : NAME];
}

/** A Set-Cookie header; `token` null clears the cookie. */
export function sessionCookie(request: Request, token: string | null, maxAgeS: number): string {
  const { secure } = request;
  const name = secure ? SECURE_NAME : NAME;
  return stringifySetCookie({
    name,
    value: token ?? '',
    httpOnly: true,
    sameSite: 'strict',
    path: '/',
    secure,
    maxAge: token === null ? 0 : maxAgeS,
  });
}
