import type { TransferTarget } from '#libs/transfer';

const MAX_LENGTH = 200;
/** Shorter values of query parameters are flags and versions: masking each `1` would leave nothing to read. */
const SECRET_VALUE_LENGTH = 4;

/** A server's words as they may be stored and shown: servers like to repeat the key they were given. */
export function withoutSecrets(text: string, target: TransferTarget): string {
  // Control characters go first, or one inside the key would hide it from the mask.
  const readable = text.replace(/\s+/g, ' ').replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}]+/gu, '');
  const masked = secretsOf(target).reduce((result, secret) => result.replaceAll(secret, '***'), readable);
  // What challenges carry (salts, nonces, responses) helps nobody who reads an error.
  return masked.replace(/\?reason=\S+/g, '').trim().slice(0, MAX_LENGTH).toWellFormed();
}

/** The longest first, or a part would be masked inside it and the rest stay. */
function secretsOf({ streamName, app, user, password }: TransferTarget): string[] {
  const queries = [queryOf(streamName), queryOf(app)];
  const values = queries.flatMap((query) => query.split('&')).map((parameter) => parameter.slice(parameter.indexOf('=') + 1));
  const secrets = [streamName, streamName.replace(/\?.*/s, ''), ...queries, ...values.filter(({ length }) => length >= SECRET_VALUE_LENGTH), user ?? '', password ?? ''];
  const forms = secrets.flatMap((secret) => [secret, encodeURIComponent(secret), encodeURI(secret), decoded(secret)]);
  return [...new Set(forms)].filter((secret) => secret !== '').toSorted((a, b) => b.length - a.length);
}

const queryOf = (text: string): string => (text.includes('?') ? text.slice(text.indexOf('?') + 1) : '');

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
