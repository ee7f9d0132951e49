/** Offers read, answers written (RFC 8866, RFC 8829, RFC 9725): one video and one audio section, bundled, received only. */
import type { IceHalf } from './local-ice.js';
import type { TrackFormat } from './rtp/types.js';
import type { DtlsRole, Fingerprint, RemoteTransport } from './webrtc-transport.js';

/** One payload type of an m-section. */
interface Codec {
  payloadType: number;
  name: string;
  /** As written behind the payload type of `a=rtpmap`. */
  encoding: string;
  clockRate: number;
  fmtp: string;
}

/** A description that we cannot use; the message is for the publisher. */
export class SdpError extends Error {
  readonly code = 'negotiation_failed';
}

/** An m-section as the answer names it. */
interface Section {
  kind: string;
  protocol: string;
  /** What stands behind the protocol, for a section that is refused. */
  formats: string;
  mid: string | undefined;
  /** Null: refused. */
  track: TrackFormat | null;
  codecs: Codec[];
  /** Values of `a=extmap` and `a=rtcp-fb` that we take part in. */
  extensions: string[];
  feedback: string[];
}

/** What an offer is taken to say. */
export interface Offer {
  sections: Section[];
  tracks: TrackFormat[];
  remote: RemoteTransport;
  /** Ids of header extensions; null: not offered. */
  midExtension: number | null;
  transportCcExtension: number | null;
  /** RTCP may be sent without a report before it (RFC 5506). */
  reducedSize: boolean;
  /** Names the bundle in SDP fragments (RFC 8840): m-line and identification of its first section. */
  first: { mline: string; mid: string };
}

/** Video codecs we take, best first. H.264 alone is forwarded untouched. */
const VIDEO_PREFERENCE = ['H264', 'VP8', 'VP9', 'AV1'];
/** Constrained baseline never has B-frames, which RTMP platforms and WebRTC publishers agree on; then what OBS sends. */
const PROFILE_PREFERENCE = [/^42[cef]0/i, /^4200/i, /^4d/i, /^64/i];
const TRANSPORT_CC = 'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01';
const MID = 'urn:ietf:params:rtp-hdrext:sdes:mid';
/** RFC 4585; what else is offered we never send. */
const FEEDBACK = ['nack', 'nack pli', 'transport-cc'];
const CLOCK_RATES: Record<string, number> = { H264: 90_000, VP8: 90_000, VP9: 90_000, AV1: 90_000, RTX: 90_000, OPUS: 48_000 };

/** Splits into the session part and the m-sections, each with its line ends. */
export function splitSections(sdp: string): { session: string; media: string[] } {
  const [session = '', ...media] = sdp.replace(/\r?\n/g, '\r\n').split(/(?=^m=)/m);
  return { session, media };
}

/** Lines `a=<name>:<value>` of a section, values only. */
export function attributes(section: string, name: string): string[] {
  return [...section.matchAll(new RegExp(`^a=${name}:(.*?)\\r?$`, 'gm'))].map((match) => match[1] as string);
}

const hasFlag = (section: string, name: string): boolean => new RegExp(`^a=${name}\\r?$`, 'm').test(section);

/** Reads an offer. Throws SdpError when there is nothing in it that can be forwarded, or no way to get it. */
export function readOffer(sdp: string): Offer {
  const { session, media } = splitSections(sdp);
  const sections = media.map(readSection);
  // The API has refused offers with two of a kind.
  const isTaken = ({ track }: Section, i: number): boolean => track !== null && sections.findIndex((other) => other.track?.kind === track.kind) === i;
  for (const [i, section] of sections.entries()) if (!isTaken(section, i)) section.track = null;
  const taken = media.filter((_, i) => sections[i]?.track);
  const [first] = taken;
  if (first === undefined) {
    throw new SdpError('The offer has no codec that can be forwarded: send H.264 (or VP8, VP9, AV1) video or Opus audio.');
  }
  requireBundle(session, taken);
  const tracks = sections.flatMap(({ track }) => track ?? []);
  const extension = (uri: string): number | null => taken.map((section) => extensionId(section, uri)).find((id) => id !== null) ?? null;
  return {
    sections,
    tracks,
    remote: readTransport(session, first, media),
    midExtension: extension(MID),
    transportCcExtension: taken.some((section) => attributes(section, 'rtcp-fb').some((value) => value.endsWith(' transport-cc'))) ? extension(TRANSPORT_CC) : null,
    reducedSize: taken.every((section) => hasFlag(section, 'rtcp-rsize')),
    first: { mline: first.split('\r\n', 1)[0] ?? '', mid: tracks[0]?.mid ?? '' },
  };
}

/** RFC 9725, section 4.2: all media over one transport. */
function requireBundle(session: string, taken: string[]): void {
  if (taken.length < 2) return;
  const groups = attributes(session, 'group').map((value) => value.trim().split(/ +/));
  const mids = taken.map((section) => attributes(section, 'mid')[0]?.trim() ?? '');
  const isBundled = groups.some(([semantics, ...members]) => semantics === 'BUNDLE' && mids.every((mid) => members.includes(mid)));
  if (!isBundled) throw new SdpError('The offer has audio and video that are not bundled: both must be named in one a=group:BUNDLE.');
}

function readSection(section: string): Section {
  const [, kind = '', protocol = '', formats = ''] = /^m=(\S*) \S+ (\S+) ?(.*?)\r?$/m.exec(section) ?? [];
  const mid = attributes(section, 'mid')[0]?.trim();
  const all = readCodecs(section);
  const chosen = kind === 'video' ? chooseVideo(all) : kind === 'audio' ? all.find(({ name }) => name === 'OPUS') : undefined;
  const refused = { kind, protocol, formats, mid, track: null, codecs: [], extensions: [], feedback: [] };
  if (!chosen || (kind !== 'video' && kind !== 'audio')) return refused;
  const rtx = all.find((codec) => codec.name === 'RTX' && new RegExp(`\\bapt=${chosen.payloadType}\\b`).test(codec.fmtp));
  const feedback = FEEDBACK.filter((name) => attributes(section, 'rtcp-fb').some((value) => value.trim() === `${chosen.payloadType} ${name}` || value.trim() === `* ${name}`));
  const { payloadType, name, clockRate, fmtp } = chosen;
  return {
    ...refused,
    track: { kind, codec: name, payloadType, rtxPayloadType: rtx?.payloadType ?? null, clockRate, mid: mid ?? '', nack: feedback.includes('nack'), fmtp },
    codecs: rtx ? [chosen, rtx] : [chosen],
    extensions: attributes(section, 'extmap').filter((value) => [MID, TRANSPORT_CC].includes(value.split(' ')[1] ?? '')),
    feedback,
  };
}

function readCodecs(section: string): Codec[] {
  return attributes(section, 'rtpmap').flatMap((line) => {
    const [, payloadType, encoding = '', name = '', clockRate] = /^(\d{1,3}) (([\w.-]+)\/(\d+)(?:\/\d+)?)\s*$/.exec(line) ?? [];
    const upper = name.toUpperCase();
    if (!payloadType || Number(payloadType) > 127 || CLOCK_RATES[upper] !== Number(clockRate)) return [];
    const fmtp = attributes(section, 'fmtp').find((value) => value.startsWith(`${payloadType} `)) ?? '';
    return [{ payloadType: Number(payloadType), name: upper, encoding, clockRate: Number(clockRate), fmtp: fmtp.slice(payloadType.length + 1).trim() }];
  });
}

const profileOf = (codec: Codec): string => /profile-level-id=([0-9a-fA-F]{6})/.exec(codec.fmtp)?.[1] ?? '42e01f';

function bestH264(all: Codec[]): Codec | undefined {
  const usable = all.filter((codec) => codec.name === 'H264' && /packetization-mode=1/.test(codec.fmtp));
  for (const profile of PROFILE_PREFERENCE) {
    const found = usable.find((codec) => profile.test(profileOf(codec)));
    if (found) return found;
  }
  // Mode 0 (single NAL unit) is what senders without an fmtp line mean (RFC 6184, section 8.1).
  return usable[0] ?? all.find((codec) => codec.name === 'H264');
}

function chooseVideo(all: Codec[]): Codec | undefined {
  for (const name of VIDEO_PREFERENCE) {
    const found = name === 'H264' ? bestH264(all) : all.find((codec) => codec.name === name);
    if (found) return found;
  }
  return undefined;
}

/** RFC 8285, section 5: `<id>[/<direction>] <uri>`. Ids that no packet could bear are passed over. */
function extensionId(section: string, uri: string): number | null {
  const value = attributes(section, 'extmap').find((line) => line.split(' ')[1] === uri);
  const id = Number(/^(\d{1,3})(?:\/\w+)? /.exec(value ?? '')?.[1] ?? 0);
  return id >= 1 && id <= 255 ? id : null;
}

function readTransport(session: string, section: string, media: string[]): RemoteTransport {
  // What stands before all sections is for each; what a bundle's other sections say is meant as well (RFC 9143, section 7.1.3).
  const all = (name: string): string[] => [section, session, ...media].map((part) => attributes(part, name)).find((values) => values.length > 0) ?? [];
  const one = (name: string): string | undefined => all(name)[0]?.trim();
  const ufrag = one('ice-ufrag');
  const pwd = one('ice-pwd');
  if (ufrag === undefined || pwd === undefined) throw new SdpError('The offer has no ICE user fragment and password.');
  const fingerprints = all('fingerprint').map((value): Fingerprint => {
    const [hash = '', hex = ''] = value.trim().split(/ +/);
    return { hash, value: hex };
  });
  return {
    fingerprints,
    role: one('setup') === 'active' ? 'passive' : 'active',
  };
}

/** Chrome starts at 300 kbit/s and needs many seconds to rise; these (kbit/s) in the answer lift it at once. */
const START_KBPS = 1500;

/** Our side of the transport. */
export interface LocalTransport {
  half: IceHalf;
  fingerprint: Fingerprint;
  role: DtlsRole;
}

/** The answer: what is refused has port 0 (RFC 8829, section 5.3.1). */
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
  const parameters = fmtp.split(';').map((parameter) => parameter.trim()).filter((parameter) => parameter !== '' && !parameter.startsWith('sprop-'));
  // Chrome's bandwidth estimate never rises without the profile that was chosen.
  if (name === 'H264' && !fmtp.includes('profile-level-id')) parameters.push(`profile-level-id=${profileOf(codec)}`);
  if (name === 'H264') parameters.push(`x-google-start-bitrate=${START_KBPS}`);
  return [`a=rtpmap:${payloadType} ${encoding}`, ...(parameters.length > 0 ? [`a=fmtp:${payloadType} ${parameters.join(';')}`] : [])];
}

/** The parts of an `application/trickle-ice-sdpfrag` body (RFC 8840) that matter to a bundled session. */
export interface IceFragment {
  ufrag: string | null;
  pwd: string | null;
}

export function parseFragment(text: string): IceFragment {
  const sdp = text.replace(/\r?\n/g, '\r\n');
  return {
    ufrag: attributes(sdp, 'ice-ufrag')[0] ?? null,
    pwd: attributes(sdp, 'ice-pwd')[0] ?? null,
  };
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
