/** What an Authorization header of the Basic scheme says, or undefined if it says nothing usable. */
export function parseBasic(header: string | undefined): { id: string; secret: string } | undefined {
  const match = /^Basic +([A-Za-z0-9+/]{1,1400}={0,2})$/i.exec(header ?? '');
  if (match === null) return undefined;
  const text = Buffer.from(match[1] as string, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon < 1) return undefined;
  // Everything after the first colon is the secret (RFC 7617); passport-http stops at the second and would take `id:secret:junk`.
  return { id: text.slice(0, colon), secret: text.slice(colon + 1) };
}
