/** Answers, and fragments that answer an ICE restart. */
import { type Codec, profileOf } from './codecs.js';
import type { Offer, Section } from './offer.js';
import type { DtlsRole, Fingerprint, IceHalf } from './transport.js';

/** Chrome starts at 300 kbit/s and needs many seconds to rise; these (kbit/s) in the answer lift it at once. */
const START_KBPS = 1500;

/** Our side of the transport. */
export interface LocalTransport {
  half: IceHalf;
  fingerprint: Fingerprint;
  role: DtlsRole;
}

/** The answer of an agent that sends no connectivity checks: what is refused has port 0 (RFC 8829, section 5.3.1). */
export function writeAnswer({ sections, reducedSize }: Offer, local: LocalTransport): string {
  const mids = sections.flatMap(({ track, mid }) => (track && mid !== undefined ? [mid] : []));
  const bundle = mids.length > 0 ? [`a=group:BUNDLE ${mids.join(' ')}`] : [];
  const session = ['v=0', `o=- ${Date.now()} 1 IN IP4 0.0.0.0`, 's=-', 't=0 0', 'a=ice-lite', ...bundle];
  return [...session, ...sections.flatMap((section) => answerSection(section, local, reducedSize)), ''].join('\r\n');
}

function answerSection(section: Section, { half, fingerprint, role }: LocalTransport, reducedSize: boolean): string[] {
  const { kind, protocol, formats, mid, track, codecs, extensions, feedback } = section;
  const connection = 'c=IN IP4 0.0.0.0';
  const id = mid === undefined ? [] : [`a=mid:${mid}`];
  if (track === null) return [`m=${kind} 0 ${protocol} ${formats}`, connection, ...id, 'a=inactive'];
  return [
    `m=${kind} 9 ${protocol} ${codecs.map(({ payloadType }) => payloadType).join(' ')}`,
    connection,
    `a=ice-ufrag:${half.ufrag}`,
    `a=ice-pwd:${half.pwd}`,
    `a=fingerprint:${fingerprint.hash} ${fingerprint.value}`,
    `a=setup:${role}`,
    ...id,
    'a=recvonly',
    'a=rtcp-mux',
    ...(reducedSize ? ['a=rtcp-rsize'] : []),
    ...extensions.map((value) => `a=extmap:${value}`),
    ...codecs.flatMap((codec) => answerCodec(codec)),
    ...feedback.map((name) => `a=rtcp-fb:${track.payloadType} ${name}`),
    ...half.candidates.map((value) => `a=candidate:${value}`),
    'a=end-of-candidates',
  ];
}

function answerCodec(codec: Codec): string[] {
  const { payloadType, name, encoding, fmtp } = codec;
  const parameters = fmtp
    .split(';')
    .map((parameter) => parameter.trim())
    .filter((parameter) => parameter !== '' && !parameter.startsWith('sprop-'));
  // Chrome's bandwidth estimate never rises without the profile that was chosen.
  if (name === 'H264' && !fmtp.includes('profile-level-id')) parameters.push(`profile-level-id=${profileOf(codec)}`);
  if (name === 'H264') parameters.push(`x-google-start-bitrate=${START_KBPS}`);
  return [
    `a=rtpmap:${payloadType} ${encoding}`,
    ...(parameters.length > 0 ? [`a=fmtp:${payloadType} ${parameters.join(';')}`] : []),
  ];
}

/** Our half of an ICE restart as an SDP fragment; `mid` names the bundle's first section. */
export function formatFragment(mline: string, mid: string, { ufrag, pwd, candidates }: IceHalf): string {
  return [
    `a=ice-ufrag:${ufrag}`,
    `a=ice-pwd:${pwd}`,
    mline,
    `a=mid:${mid}`,
    ...candidates.map((value) => `a=candidate:${value}`),
    'a=end-of-candidates',
    '',
  ].join('\r\n');
}
