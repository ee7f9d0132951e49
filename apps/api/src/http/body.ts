import express, { type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import { badRequest } from './problem.js';

const BODY_LIMIT = 64 * 1024;
/** Deeper than any body of ours, and shallow enough that no recursion over it can fail. */
const MAX_DEPTH = 16;
/** Names that change an object's prototype when somebody copies them without care. */
const FORBIDDEN_KEYS = new Set(['__proto__', 'constructor', 'prototype']);

/** Bodies stay bytes under /whip and are JSON elsewhere, whatever the Content-Type: Agora's samples send all sorts, or none. */
export function bodies(): RequestHandler[] {
  const raw = express.raw({ type: () => true, limit: BODY_LIMIT, inflate: false });
  return [raw, jsonUnlessWhip];
}

const RAW = Symbol('raw body');
type WithRaw = Request & { [RAW]?: Buffer };

/** The body as it came: what a digest is over. */
export const rawBody = (request: Request): Buffer => (request as WithRaw)[RAW] ?? Buffer.alloc(0);

function jsonUnlessWhip(request: Request, _response: Response, next: NextFunction): void {
  const bytes: unknown = request.body;
  if (Buffer.isBuffer(bytes)) (request as WithRaw)[RAW] = bytes;
  if (!request.path.startsWith('/whip/')) request.body = Buffer.isBuffer(bytes) ? parseJsonObject(bytes) : {};
  next();
}

/** No body is an empty object. Throws 400 for anything that is not one plain JSON object. */
export function parseJsonObject(bytes: Buffer): object {
  let value: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    if (text.trim() === '') return {};
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError)
      throw badRequest([{ field: '', message: 'The body is not JSON.' }]);
    throw error;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badRequest([{ field: '', message: 'The body must be a JSON object.' }]);
  }
  inspect(value, '', 1);
  return value;
}

function inspect(value: unknown, path: string, depth: number): void {
  if (typeof value === 'string') {
    // Postgres takes neither; both would be a 500 later.
    if (value.includes('\0') || !value.isWellFormed())
      throw badRequest([{ field: path, message: 'must be text without NUL and lone surrogates' }]);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  if (depth > MAX_DEPTH) throw badRequest([{ field: path.split('.', 1)[0] ?? '', message: 'is nested too deeply' }]);
  for (const [key, child] of Object.entries(value)) {
    const field = path === '' ? key : `${path}.${key}`;
    if (FORBIDDEN_KEYS.has(key)) throw badRequest([{ field, message: 'is not a known field' }]);
    inspect(child, field, depth + 1);
  }
}
