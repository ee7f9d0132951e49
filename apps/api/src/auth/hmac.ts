import { createHash, timingSafeEqual } from 'node:crypto';

/** A request as its signature sees it. */
export interface SignedRequest {
  method: string;
  /** Path and query exactly as received. */
  target: string;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

/** What an HMAC Authorization header claims, checked but for the signature itself. */
export interface SignedClaim {
  username: string;
  algorithm: 'sha256' | 'sha384' | 'sha512';
  signature: Buffer;
  /** The signing strings that the signature may be over: with the Host as received, and without its port. */
  texts: string[];
}

/** Kong's own sentences, which Agora's clients have seen. */
export class SignatureRefused extends Error {}

const BAD = 'HMAC signature cannot be verified';
const BAD_DATE = 'HMAC signature cannot be verified, a valid date or x-date header is required for HMAC Authentication';
/** Kong's default. */
const CLOCK_SKEW_MS = 300_000;
const ALGORITHM = /^hmac-(sha256|sha384|sha512)$/;
/** Names of bounded length that begin a word: else a header of letters alone takes 200 ms to search. */
const PARAMETER = /\b(\w{1,32})="([^"]{0,1000})"/g;

/**
 * Reads Agora's HTTP HMAC authentication (`Authorization: hmac username="<customer id>", algorithm="hmac-sha256",
 * headers="host date request-line digest", signature="<base64>"`, the scheme of Kong's hmac-auth plugin). The signed
 * headers must include a date, the request line, and for a body its digest: else a signature would fit other requests.
 * Throws SignatureRefused.
 */
export function readSignature(authorization: string, request: SignedRequest, now: number): SignedClaim {
  const given: Record<string, string | undefined> = Object.fromEntries(
    [...authorization.matchAll(PARAMETER)].map(([, name, value]) => [name, value]),
  );
  const algorithm = ALGORITHM.exec(given.algorithm ?? '')?.[1] as SignedClaim['algorithm'] | undefined;
  const names = (given.headers ?? '').toLowerCase().split(' ').filter(Boolean);
  if (!given.username || !given.signature || algorithm === undefined || names.length === 0 || names.length > 20)
    throw new SignatureRefused(BAD);
  const date = names.find((name) => name === 'x-date') ?? names.find((name) => name === 'date');
  if (date === undefined || !isRecent(single(request.headers[date]), now)) throw new SignatureRefused(BAD_DATE);
  if (!names.includes('request-line') || (request.body.length > 0 && !names.includes('digest')))
    throw new SignatureRefused(BAD);
  if (request.headers.digest !== undefined && !digestFits(single(request.headers.digest), request.body))
    throw new SignatureRefused(BAD);
  const host = single(request.headers.host);
  // Postman signs the host name without its port.
  const hosts = [...new Set([host, host.replace(/:\d+$/, '')])];
  const texts = hosts.map((signedHost) => names.map((name) => line(name, request, signedHost)).join('\n'));
  return { username: given.username, algorithm, signature: Buffer.from(given.signature, 'base64'), texts };
}

function line(name: string, { method, target, headers }: SignedRequest, host: string): string {
  if (name === 'request-line' || name === '@request-target') return `${method} ${target} HTTP/1.1`;
  if (name === 'host') return `host: ${host}`;
  if (headers[name] === undefined) throw new SignatureRefused(BAD);
  return `${name}: ${single(headers[name])}`;
}

function isRecent(date: string, now: number): boolean {
  const at = Date.parse(date);
  return Number.isFinite(at) && Math.abs(now - at) <= CLOCK_SKEW_MS;
}

function digestFits(header: string, body: Buffer): boolean {
  const given = Buffer.from(/^SHA-256=([A-Za-z0-9+/=]+)$/i.exec(header)?.[1] ?? '', 'base64');
  const expected = createHash('sha256').update(body).digest();
  return given.length === expected.length && timingSafeEqual(given, expected);
}

const single = (value: string | string[] | undefined): string =>
  Array.isArray(value) ? value.join(', ') : (value ?? '');
