/** Who a publisher is and how it is reached: ICE credentials (RFC 8839), certificate fingerprints (RFC 8122), DTLS role (RFC 8842). */
import { PWD, type RawSection, SdpError, UFRAG, valuesOf } from './text.js';

/** Who begins the DTLS handshake (RFC 8842): `active` does. */
export type DtlsRole = 'active' | 'passive';

/** A certificate's fingerprint as SDP has it (RFC 8122): hash function and hexadecimal bytes. */
export interface Fingerprint {
  hash: string;
  value: string;
}

/** What the publisher's offer says about its transport. Its candidates and its ICE password do not matter: we send no checks. */
export interface RemoteTransport {
  fingerprints: Fingerprint[];
  /** Our role. */
  role: DtlsRole;
}

/** What one side of a connection tells the other (RFC 8839). */
export interface IceHalf {
  ufrag: string;
  pwd: string;
  /** Values of `a=candidate` lines, best first. */
  candidates: string[];
}

/** Hash functions that are safe, with the bytes that they make. FreeSWITCH has SHA-384 and SHA-512. */
const HASH_BYTES: Record<string, number> = { 'sha-256': 32, 'sha-384': 48, 'sha-512': 64 };
const ROLES = ['actpass', 'active', 'passive'];

/** Throws SdpError without a way to reach the publisher, or to know it. */
export function readTransport(
  session: RawSection,
  first: RawSection,
  media: RawSection[],
): { iceUfrag: string; remote: RemoteTransport } {
  // What stands before all sections is for each; what a bundle's other sections say is meant as well (RFC 9143, section 7.1.3).
  const parts = [first, session, ...media];
  const all = (name: string): string[] =>
    parts.map((part) => valuesOf(part, name)).find((values) => values.length > 0) ?? [];
  const fingerprints = parts
    .map((part) => valuesOf(part, 'fingerprint').flatMap(readFingerprint))
    .find((usable) => usable.length > 0);
  if (fingerprints === undefined)
    throw new SdpError('The offer has no certificate fingerprint of sha-256, sha-384 or sha-512.');
  if (parts.some((part) => valuesOf(part, 'setup').some((role) => !ROLES.includes(role))))
    throw new SdpError('The offer has an unknown DTLS role.');
  const [[ufrag], [pwd]] = [all('ice-ufrag'), all('ice-pwd')];
  if (ufrag === undefined || pwd === undefined) throw new SdpError('The offer has no ICE user fragment and password.');
  if (!UFRAG.test(ufrag) || !PWD.test(pwd))
    throw new SdpError('The offer has no ICE user fragment and password of 4 and 22 characters or more (RFC 8839).');
  return { iceUfrag: ufrag, remote: { fingerprints, role: all('setup')[0] === 'active' ? 'passive' : 'active' } };
}

function readFingerprint(text: string): Fingerprint[] {
  const [hash = '', value = ''] = text.split(/ +/);
  const bytes = HASH_BYTES[hash.toLowerCase()];
  return bytes !== undefined && value.length === bytes * 3 - 1 && /^[0-9A-F]{2}(:[0-9A-F]{2})+$/i.test(value)
    ? [{ hash: hash.toLowerCase(), value }]
    : [];
}
