import type { TransferTarget } from '#libs/transfer';

const MAX_LENGTH = 200;

/** A server's words as they may be stored and shown: servers like to repeat the key they were given. */
export function withoutSecrets(text: string, { streamName, app, user, password }: TransferTarget): string {
  const secrets = [streamName, streamName.replace(/\?.*/s, ''), app.includes('?') ? app.replace(/^[^?]*\?/s, '') : '', user ?? '', password ?? '']
    .flatMap((secret) => [secret, encodeURIComponent(secret)])
    .filter((secret) => secret !== '')
    // The longest first, or a part would be masked inside it and the rest stay.
    .toSorted((a, b) => b.length - a.length);
  const masked = secrets.reduce((result, secret) => result.replaceAll(secret, '***'), text);
  // What challenges carry (salts, nonces, responses) helps nobody who reads an error.
  const short = masked.replace(/\?reason=\S+/g, '').replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}]+/gu, ' ').trim();
  return short.slice(0, MAX_LENGTH);
}
