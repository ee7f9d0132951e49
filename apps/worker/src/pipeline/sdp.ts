/**
 * The little we must change in session descriptions: webrtcbin 1.22 accepts every codec offered, and drops header
 * extensions and the H.264 profile from its answer. Everything here is text in, text out.
 */

/** One payload type of an m-section. */
interface Codec {
  payloadType: string;
  name: string;
  fmtp: string;
}

/** A description that we cannot use; the message is for the publisher. */
export class SdpError extends Error {
  readonly code = 'negotiation_failed';
}

/** Video codecs we take, best first. H.264 alone is forwarded untouched. */
const VIDEO_PREFERENCE = ['H264', 'VP8', 'VP9', 'AV1'];
/** Constrained baseline never has B-frames, which RTMP platforms and WebRTC publishers agree on; then what OBS sends. */
const PROFILE_PREFERENCE = [/^42[cef]0/i, /^4200/i, /^4d/i, /^64/i];
const KEPT_EXTENSIONS = /transport-wide-cc-extensions-01|urn:ietf:params:rtp-hdrext:sdes:mid$/;

/** Splits into the session part and the m-sections, each with its line ends. */
export function splitSections(sdp: string): { session: string; media: string[] } {
  const [session = '', ...media] = sdp.replace(/\r?\n/g, '\r\n').split(/(?=^m=)/m);
  return { session, media };
}

/** Lines `a=<name>:<value>` of a section, values only. */
export function attributes(section: string, name: string): string[] {
  return [...section.matchAll(new RegExp(`^a=${name}:(.*?)\\r?$`, 'gm'))].map((match) => match[1] as string);
}

function codecs(section: string): Codec[] {
  return attributes(section, 'rtpmap').flatMap((line) => {
    const match = /^(\d+) ([^/]+)\//.exec(line);
    if (!match) return [];
    const payloadType = match[1] as string;
    const fmtp = attributes(section, 'fmtp').find((value) => value.startsWith(`${payloadType} `)) ?? '';
    return [{ payloadType, name: (match[2] as string).toUpperCase(), fmtp: fmtp.slice(payloadType.length + 1) }];
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

/** Leaves one codec (and its retransmission format) in each m-section, so that the answer can only name what we want. */
export function reduceOffer(offer: string): string {
  const { session, media } = splitSections(offer);
  let usable = 0;
  const reduced = media.map((section) => {
    const kind = /^m=(\w+)/.exec(section)?.[1];
    const all = codecs(section);
    const chosen = kind === 'video' ? chooseVideo(all) : kind === 'audio' ? all.find((c) => c.name === 'OPUS') : undefined;
    if (!chosen) return section;
    usable += 1;
    const rtx = all.find((codec) => codec.name === 'RTX' && codec.fmtp === `apt=${chosen.payloadType}`);
    return keepPayloads(section, rtx ? [chosen.payloadType, rtx.payloadType] : [chosen.payloadType]);
  });
  if (usable === 0) {
    throw new SdpError('The offer has no codec that can be forwarded: send H.264 (or VP8, VP9, AV1) video or Opus audio.');
  }
  return session + reduced.join('');
}

function keepPayloads(section: string, kept: string[]): string {
  return section
    .replace(/^(m=\w+ \S+ \S+) .*?\r$/m, (_, head: string) => `${head} ${kept.join(' ')}\r`)
    .split(/(?<=\n)/)
    .filter((line) => {
      const payload = /^a=(?:rtpmap|fmtp|rtcp-fb):(\d+|\*)/.exec(line)?.[1];
      return payload === undefined || payload === '*' || kept.includes(payload);
    })
    .join('');
}

/**
 * Puts back what webrtcbin leaves out of its answer: the header extensions that we support (without transport-wide-cc
 * Chrome's bandwidth estimate never rises) and the H.264 profile that was chosen.
 */
export function completeAnswer(answer: string, reducedOffer: string): string {
  const offered = splitSections(reducedOffer).media;
  const { session, media } = splitSections(answer);
  const completed = media.map((section, index) => {
    const offer = offered[index] ?? '';
    const extensions = attributes(offer, 'extmap')
      .filter((value) => KEPT_EXTENSIONS.test(value))
      .map((value) => `a=extmap:${value}\r\n`)
      .join('');
    const withProfile = section.replace(/^a=fmtp:(\d+) (.*?)\r$/gm, (line, payload: string, value: string) => {
      const codec = codecs(offer).find((candidate) => candidate.payloadType === payload);
      if (codec?.name !== 'H264' || value.includes('profile-level-id')) return line;
      return `a=fmtp:${payload} ${value};profile-level-id=${profileOf(codec)}\r`;
    });
    return withProfile.replace(/^a=rtcp-mux\r\n/m, (line) => line + extensions);
  });
  return session + completed.join('');
}

/** Chrome starts at 300 kbit/s and needs many seconds to rise; these (kbit/s) in the answer lift it at once. */
const START_KBPS = 1500;

/**
 * The answer as the publisher gets it: gathered candidates in every m-section that lacks them, UDP host candidates
 * first (FFmpeg takes the first usable one of the first section and stops at a TCP one), Chrome's start bitrate.
 */
export function presentAnswer(answer: string): string {
  const { session, media } = splitSections(answer);
  const gathered = media.map((section) => attributes(section, 'candidate')).find((list) => list.length > 0) ?? [];
  const sorted = gathered.filter((line) => / udp /i.test(line)).toSorted((a, b) => rank(a) - rank(b));
  const lines = sorted.map((line) => `a=candidate:${line}\r\n`).join('') + 'a=end-of-candidates\r\n';
  const presented = media.map((section) => {
    const bare = section.replace(/^a=(?:candidate:.*|end-of-candidates)\r\n/gm, '');
    if (/^m=\w+ 0 /.test(bare)) return bare;
    const boosted = bare.replace(/^(a=fmtp:\d+ .*profile-level-id=[0-9a-fA-F]{6})(.*?)\r$/m, `$1$2;x-google-start-bitrate=${START_KBPS}\r`);
    return boosted + lines;
  });
  return session + presented.join('');
}

const rank = (candidate: string): number => (/ typ host/.test(candidate) ? (candidate.includes(':', candidate.indexOf(' ')) ? 1 : 0) : 2);

/** The parts of an `application/trickle-ice-sdpfrag` body (RFC 8840) that matter to a bundled session. */
export interface IceFragment {
  ufrag: string | null;
  pwd: string | null;
  /** Values of `a=candidate` lines, at most MAX_CANDIDATES. */
  candidates: string[];
}

const MAX_CANDIDATES = 64;

export function parseFragment(text: string): IceFragment {
  const sdp = text.replace(/\r?\n/g, '\r\n');
  return {
    ufrag: attributes(sdp, 'ice-ufrag')[0] ?? null,
    pwd: attributes(sdp, 'ice-pwd')[0] ?? null,
    candidates: attributes(sdp, 'candidate').slice(0, MAX_CANDIDATES),
  };
}

/** Our half of an ICE restart as an SDP fragment; `mid` names the bundle's first section. */
export function formatFragment(mline: string, mid: string, ufrag: string, pwd: string, candidates: string[]): string {
  return [
    `a=ice-ufrag:${ufrag}`,
    `a=ice-pwd:${pwd}`,
    mline,
    `a=mid:${mid}`,
    ...candidates.map((line) => `a=${line.replace(/^a=/, '')}`),
    'a=end-of-candidates',
    '',
  ].join('\r\n');
}
