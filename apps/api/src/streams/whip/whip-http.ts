// The HTTP side of WHIP (RFC 9725) that has nothing to do with streams: CORS, media types, entity tags.
import type { NextFunction, Request, Response } from 'express';
import { shortHash, tokenProof } from '../tokens/proof.js';
import type { UrlSignature } from '../tokens/signed-url.js';

/** Longer ones are not passed on. */
const MAX_URL_TOKEN = 2048;
export const SDP = 'application/sdp';
export const SDP_FRAGMENT = 'application/trickle-ice-sdpfrag';

/** Beyond WHIP: an RTMP URL that the publisher wants to be pushed to, too (a header, because URLs with keys end up in logs). */
export const RTMP_URL_HEADER = 'Manycast-Rtmp-Url';
/** Why it is not. */
export const RTMP_ERROR_HEADER = 'Manycast-Rtmp-Error';

const CORS = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Allow-Methods': 'POST, PATCH, DELETE, OPTIONS, GET',
  // `etag`: Eyevinn's client sends its entity tag under that name.
  'Access-Control-Allow-Headers': 'Authorization, Content-Type, If-Match, ETag, X-Request-ID, Manycast-Rtmp-Url',
  'Access-Control-Expose-Headers':
    'Location, ETag, Link, Accept-Post, Accept-Patch, Retry-After, WWW-Authenticate, X-Request-ID, Manycast-Rtmp-Error',
  'Access-Control-Max-Age': '86400',
};

/** Publishers run in pages of any origin, and must be able to read refusals too. */
export function whipCors(_request: Request, response: Response, next: NextFunction): void {
  for (const [name, value] of Object.entries(CORS)) response.setHeader(name, value);
  next();
}

/** Whether the body is of this media type; parameters and case do not matter. */
export function hasType(request: Request, type: string): boolean {
  return (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() === type;
}

/** The Bearer token. Eyevinn's client without a key sends the word "undefined". */
export function bearerToken(request: Request): string | undefined {
  const token = /^Bearer +(\S+)\s*$/i.exec(request.headers.authorization ?? '')?.[1];
  return token === 'undefined' || token === 'null' ? undefined : token;
}

/** `stun://host:port` as a Link header's value. */
export function iceServerLink(stunServer: string): string {
  return `<${stunServer.replace('stun://', 'stun:')}>; rel="ice-server"`;
}

/** How a PATCH's If-Match stands to the session's entity tag. RFC 9725's own example writes the asterisk in quotes. */
export function matchEtag(ifMatch: string | undefined, etag: string): 'absent' | 'any' | 'match' | 'mismatch' {
  const given = ifMatch?.trim();
  if (given === undefined || given === '') return 'absent';
  if (given === '*' || given === '"*"') return 'any';
  const tags = given.split(',').map((tag) => tag.trim());
  return tags.includes(`"${etag}"`) || tags.includes(etag) ? 'match' : 'mismatch';
}

/** Writes bytes with exactly this media type: Express would add a charset, which some clients refuse. */
export function sendExact(response: Response, status: number, type: string, text: string): void {
  const body = Buffer.from(text);
  response.statusCode = status;
  response.setHeader('Content-Type', type);
  response.setHeader('Content-Length', body.length);
  response.end(body);
}

/** What Agora's signed publish URLs carry, when both parts are there. */
export function urlSignature(request: Request): UrlSignature | undefined {
  const { ts, sign } = request.query;
  return typeof ts === 'string' && typeof sign === 'string' ? { ts, sign } : undefined;
}

/** Of the publish token or the signed URL of a request. */
export function proofOf(request: Request): string | undefined {
  const token = bearerToken(request);
  const signature = urlSignature(request);
  return token === undefined
    ? signature && shortHash(`${signature.ts}:${signature.sign.toLowerCase()}`)
    : tokenProof(token);
}

/** `?token=` of a publish URL: nothing of ours, but for the customer's server that says who may publish. */
export function urlToken(request: Request): string | undefined {
  const { token } = request.query;
  return typeof token === 'string' && token.length <= MAX_URL_TOKEN ? token : undefined;
}

/** A path that may be logged: the session id is what authorises PATCH and DELETE (RFC 9725). */
export const maskSession = (path: string): string => path.replace(/^(\/whip\/sessions\/).+/, '$1[session]');
