import { decodeJwt, errors, jwtVerify, SignJWT } from 'jose';
import { refuse } from '../../http/problem.js';

/** What a publish token permits: one entry point of one project, and perhaps one stream name. */
export interface PublishGrant {
  appid: string;
  entryPoint: string;
  streamName?: string;
}

const ALGORITHM = 'HS256';
/** Clocks of several API machines differ a little. */
const CLOCK_TOLERANCE_S = 5;

/** Signs a token with the project's key. */
export async function signPublishToken(grant: PublishGrant, signingKey: string, expiresAt: Date): Promise<string> {
  const claims = {
    entry_point: grant.entryPoint,
    ...(grant.streamName === undefined ? {} : { stream_name: grant.streamName }),
  };
  return new SignJWT(claims)
    .setProtectedHeader({ alg: ALGORITHM })
    .setAudience(grant.appid)
    .setIssuedAt()
    .setExpirationTime(expiresAt)
    .sign(Buffer.from(signingKey));
}

/** What a good token permits. Throws 401 for one that is no good (any more). */
export async function verifiedGrant(token: string, signingKey: string, appid: string): Promise<PublishGrant> {
  const { payload } = await jwtVerify(token, Buffer.from(signingKey), {
    algorithms: [ALGORITHM],
    audience: appid,
    requiredClaims: ['exp', 'entry_point'],
    clockTolerance: CLOCK_TOLERANCE_S,
  }).catch((error: unknown) => {
    if (error instanceof errors.JWTExpired) throw tokenRefused('The publish token has expired.');
    if (error instanceof errors.JOSEError) throw tokenRefused('The publish token is not valid for this project.');
    throw error;
  });
  const { entry_point: entryPoint, stream_name: streamName } = payload as { entry_point: string; stream_name?: string };
  return { appid, entryPoint, streamName };
}

/** Throws 403 for a good token that is for something else. */
export function requireGrant(grant: PublishGrant, wanted: Required<PublishGrant>): void {
  if (grant.entryPoint !== wanted.entryPoint) throw refuse(403, 'The publish token is for another entry point.');
  if (grant.streamName !== undefined && grant.streamName !== wanted.streamName)
    throw refuse(403, 'The publish token is for another stream name.');
}

/** What a token says that it permits, to know whose key it is to be verified with: nothing of it is true until then. */
export function claimedGrant(token: string): PublishGrant | undefined {
  try {
    const { aud, entry_point: entryPoint, stream_name: streamName } = decodeJwt(token);
    if (typeof aud !== 'string' || typeof entryPoint !== 'string') return undefined;
    return { appid: aud, entryPoint, ...(typeof streamName === 'string' ? { streamName } : {}) };
  } catch (error) {
    if (error instanceof errors.JOSEError) return undefined;
    throw error;
  }
}

/** 401 of the Bearer scheme (RFC 6750); without a reason when no token came at all. */
export function tokenRefused(reason?: string): Error {
  const challenge = 'Bearer realm="manycast"';
  return reason === undefined
    ? refuse(401, 'A publish token is needed.', {
        detail: 'Send it as "Authorization: Bearer <token>".',
        headers: { 'WWW-Authenticate': challenge },
      })
    : refuse(401, reason, {
        headers: { 'WWW-Authenticate': `${challenge}, error="invalid_token", error_description="${reason}"` },
      });
}
