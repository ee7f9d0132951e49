// The two ways in which RTMP servers ask publishers for a password: in the text of a refused `connect`, answered by another
// connection with more parameters in its app. (Adobe Media Server's auth module, and Limelight's.)
import { createHash, randomBytes } from 'node:crypto';

const md5 = (text: string, encoding: 'hex' | 'base64'): string => createHash('md5').update(text).digest(encoding);

/** A server's refusal, as far as it concerns authentication. */
export type Challenge =
  /** Asks who we are. */
  | { kind: 'who'; module: 'adobe' | 'llnw' }
  /** Asks to prove it. */
  | { kind: 'prove'; module: 'adobe' | 'llnw'; parameters: Map<string, string> }
  /** Knows us not, or the proof is wrong. */
  | { kind: 'refused' };

/** Reads the description of a refused `connect`; null when it has nothing to do with authentication. */
export function parseChallenge(description: string): Challenge | null {
  const module = /authmod=(adobe|llnw)/.exec(description)?.[1] as 'adobe' | 'llnw' | undefined;
  const query = /\?(reason=\S+)/.exec(description)?.[1];
  if (query !== undefined) {
    const parameters = readParameters(query);
    return parameters.get('reason') === 'needauth' && module
      ? { kind: 'prove', module, parameters }
      : { kind: 'refused' };
  }
  if (/code=403 need auth/.test(description) && module) return { kind: 'who', module };
  return /authfailed|nosuchuser/.test(description) ? { kind: 'refused' } : null;
}

/** As they are: what is hashed is what was written, and a plain `+` in a base64 salt means itself. */
function readParameters(query: string): Map<string, string> {
  return new Map(query.split('&').map((parameter) => parameter.split(/=(.*)/s, 2) as [string, string]));
}

/** The query that answers a challenge; goes behind the app of the next `connect`. */
export function answerChallenge(
  challenge: Challenge & { kind: 'who' | 'prove' },
  app: string,
  user: string,
  password: string,
): string {
  // Servers take the name as it stands (an e-mail address with its @); only what would end it is escaped.
  const start = `authmod=${challenge.module}&user=${user.replace(/[\s%&=?#/+]/g, encodeURIComponent)}`;
  if (challenge.kind === 'who') return start;
  const proof =
    challenge.module === 'adobe'
      ? adobeProof(challenge.parameters, user, password)
      : limelightProof(challenge.parameters, app, user, password);
  return `${start}&${proof}`;
}

function adobeProof(parameters: Map<string, string>, user: string, password: string): string {
  const ours = randomBytes(4).toString('hex');
  const opaque = parameters.get('opaque');
  const salted = md5(user + (parameters.get('salt') ?? '') + password, 'base64');
  const response = md5(salted + (opaque ?? parameters.get('challenge') ?? '') + ours, 'base64');
  return `challenge=${ours}&response=${response}${opaque === undefined ? '' : `&opaque=${opaque}`}`;
}

/** HTTP Digest (RFC 2617, 3.2.2) with the method "publish" and the realm "live". */
function limelightProof(parameters: Map<string, string>, app: string, user: string, password: string): string {
  const nonce = parameters.get('nonce') ?? '';
  const ours = randomBytes(4).toString('hex');
  const count = '00000001';
  const path = app.replace(/\?.*/s, '');
  const who = md5(`${user}:live:${password}`, 'hex');
  const what = md5(`publish:/${path}${path.includes('/') ? '' : '/_definst_'}`, 'hex');
  const response = md5(`${who}:${nonce}:${count}:${ours}:auth:${what}`, 'hex');
  return `nonce=${nonce}&cnonce=${ours}&nc=${count}&response=${response}`;
}
