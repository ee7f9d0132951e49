import { createHmac } from 'node:crypto';
import { REASONS, reasonOf, type ReasonCode } from '#libs/transfer';
import type { Attempt } from '../../callback/callback.client.js';
import { refuse } from '../../http/problem.js';

/** Whom to ask before a publisher is let in, and what signs the question. */
export interface StreamAuth {
  url: string;
  secret: string | null;
}

/** Agora, "Format of origin authentication requests". What is not known is absent, as it is optional there. */
export interface StreamAuthQuestion {
  /** The host that the publisher asked. */
  host: string;
  entryPoint: string;
  streamName: string;
  clientIp?: string;
  /** `?token=` of the publisher's URL: the customer's own, for the customer's server alone. */
  token?: string;
  requestId?: string;
}

/** Agora's signatures of notifications: hexadecimal HMAC-SHA1 and HMAC-SHA256 of the body. None without a secret. */
export function signatureHeaders(secret: string | null, body: string): Record<string, string> {
  if (secret === null) return {};
  const sign = (algorithm: string): string => createHmac(algorithm, secret).update(body).digest('hex');
  return { 'agora-signature': sign('sha1'), 'agora-signature-v2': sign('sha256') };
}

/** Agora documents 401; what also says "no" in every framework is 403. */
const NO = new Set([401, 403]);

/** `ok`, or why the publisher is not let in: whoever cannot be asked has not said yes. */
export function verdictOf({ status, failure }: Pick<Attempt, 'status' | 'failure'>): 'ok' | ReasonCode {
  if (failure === null) return 'ok';
  return status !== null && NO.has(status) ? 'stream_auth_denied' : failure.code;
}

/** What the publisher is told: 403 for a no, 503 for no answer. */
export function refusalOf(code: ReasonCode, waitMs = 5000): Error {
  if (code === 'stream_auth_denied') return refuse(403, REASONS.stream_auth_denied.text, { code });
  return refuse(503, "The customer's server, which says who may publish, could not be asked.", {
    code: 'stream_auth_failed',
    detail: reasonOf(code)?.text,
    headers: { 'Retry-After': String(Math.max(1, Math.ceil(waitMs / 1000))) },
  });
}
