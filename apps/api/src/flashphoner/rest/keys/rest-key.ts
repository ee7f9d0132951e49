// A REST key travels in a path, for clients that cannot send an Authorization header: /k/<key>/rest-api/push/...
import type { NextFunction, Request, Response } from 'express';
import { createHash, randomBytes } from 'node:crypto';
import { authenticateOnlyBy } from '../../../auth/only-scheme.js';
import { REST_API } from '../rest-api.js';

/** What such paths begin with. */
export const KEY_PATH = '/k/';
/** So that who finds one somewhere (a page, a repository) knows what it is. */
const KEY_PREFIX = 'mck_';
/** 256 random bits: nothing to guess, so a plain hash is enough. */
const KEY_BYTES = 32;
/** Clients join a base URL that ends with a slash and a path that begins with one. */
const IN_PATH = /^\/k\/([^/?]+)\/+(rest-api\/.*)$/s;
const GIVEN = Symbol('rest key');

type WithKey = Request & { [GIVEN]?: string };

/** A new key; the only moment at which it exists in clear. */
export const newRestKey = (): string => KEY_PREFIX + randomBytes(KEY_BYTES).toString('base64url');

/** What is kept of a key. */
export const restKeyHash = (key: string): string => createHash('sha256').update(key).digest('hex');

/** The key that a request's path had, if it had one. */
export const restKeyOf = (request: Request): string | undefined => (request as WithKey)[GIVEN];

/** A path without the keys in it, whatever else it is. */
export const maskRestKeys = (path: string): string =>
  path.replace(/^(\/+k\/+)[^/?]+/i, '$1***').replace(/mck_[A-Za-z0-9_-]+/g, `${KEY_PREFIX}***`);

/**
 * Takes the key out of a request's path, before anything logs or routes it. What is left is the path under /rest-api; a path with a key and
 * something else leads nowhere.
 */
export function takeRestKey(request: Request, _response: Response, next: NextFunction): void {
  if (!request.url.startsWith(KEY_PATH)) return next();
  const [, key, rest] = IN_PATH.exec(request.url) ?? [];
  request.originalUrl = maskRestKeys(request.url);
  if (key !== undefined && rest !== undefined) {
    (request as WithKey)[GIVEN] = key;
    authenticateOnlyBy(request, 'rest-key');
    request.url = `/${rest}`;
  }
  next();
}

/** Whether a request is for /rest-api, by either kind of path. */
export const isForRestApi = (url: string | undefined): boolean =>
  url !== undefined && (url.startsWith(`${REST_API}/`) || IN_PATH.test(url));
