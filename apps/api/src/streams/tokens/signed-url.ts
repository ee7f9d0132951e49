import { createHash, timingSafeEqual } from 'node:crypto';
import { tokenRefused } from './publish-token.js';

/** The query of a signed publish URL. */
export interface UrlSignature {
  /** Unix time, s, up to which the URL is good; ten digits. */
  ts: string;
  /** Hexadecimal MD5. */
  sign: string;
}

/** Agora, "Publish URL authentication": `sign = md5(authKey + path + ts)`, the path being `/{entry_point}/{stream_name}`. */
export const signPublishUrl = (authKey: string, path: { entryPoint: string; streamName: string }, ts: string): string =>
  createHash('md5').update(`${authKey}/${path.entryPoint}/${path.streamName}${ts}`).digest('hex');

/** Throws 401 unless the signature is right and its time is not over. Without an authKey no signed URL is good. */
export function verifySignedUrl(
  path: { entryPoint: string; streamName: string },
  { ts, sign }: UrlSignature,
  authKey: string | null,
): void {
  // Always ten digits: nothing stands between name and time in what is signed, and `cam1` + `1800000000` would be `cam` + `11800000000`, too.
  const isFormed = /^\d{10}$/.test(ts) && /^[0-9a-f]{32}$/i.test(sign);
  if (authKey === null || !isFormed) throw tokenRefused('The signed publish URL is not valid.');
  const expected = Buffer.from(signPublishUrl(authKey, path, ts), 'hex');
  if (!timingSafeEqual(expected, Buffer.from(sign, 'hex'))) throw tokenRefused('The signed publish URL is not valid.');
  if (Number(ts) * 1000 < Date.now()) throw tokenRefused('The signed publish URL has expired.');
}
