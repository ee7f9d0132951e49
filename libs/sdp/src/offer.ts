/** The judge of offers (RFC 8866, RFC 8829, RFC 9725): what it lets pass, a pipeline answers. At most one video and one audio section, bundled. */
import { type Codec, chooseAudio, chooseVideo, readCodecs, retransmissionOf } from './codecs.js';
import { readTransport, type RemoteTransport } from './transport.js';
import { countCandidates, hasFlag, MAX_CANDIDATES, type RawSection, readSections, SdpError, valuesOf } from './text.js';

const MAX_MEDIA = 4;
const DIRECTIONS = ['sendonly', 'sendrecv', 'recvonly', 'inactive'];
const CODECS = { video: 'H.264, VP8, VP9 or AV1', audio: 'Opus' };
const TRANSPORT_CC = 'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01';
const MID = 'urn:ietf:params:rtp-hdrext:sdes:mid';
/** RFC 4585; what else is offered we never send. */
const FEEDBACK = ['nack', 'nack pli', 'transport-cc'];

/** One codec of an offer that is taken. */
export interface Track {
  kind: 'video' | 'audio';
  /** Upper case, as in SDP: H264, VP8, OPUS... */
  codec: string;
  payloadType: number;
  /** Of its retransmissions (RFC 4588); null when none was negotiated. */
  rtxPayloadType: number | null;
  clockRate: number;
  /** The m-section's identification (RFC 9143). */
  mid: string;
  /** Lost packets may be asked for (RFC 4585). */
  nack: boolean;
  /** The codec's format parameters: what stands behind the payload type in `a=fmtp`. */
  fmtp: string;
}

/** An m-section as the answer names it. */
export interface Section {
  kind: string;
  protocol: string;
  /** What stands behind the protocol, for a section that is refused. */
  formats: string;
  mid: string | undefined;
  /** Null: refused. */
  track: Track | null;
  codecs: Codec[];
  /** Values of `a=extmap` and `a=rtcp-fb` that we take part in. */
  extensions: string[];
  feedback: string[];
}

/** What an offer is taken to say. */
export interface Offer {
  sections: Section[];
  tracks: Track[];
  iceUfrag: string;
  remote: RemoteTransport;
  /** Ids of header extensions; null: not offered. */
  midExtension: number | null;
  transportCcExtension: number | null;
  /** RTCP may be sent without a report before it (RFC 5506). */
  reducedSize: boolean;
  /** Names the bundle in SDP fragments (RFC 8840): m-line and identification of its first section. */
  first: { mline: string; mid: string };
}

type Stream = RawSection & { kind: 'audio' | 'video' };

/** Port 0 without `a=bundle-only` offers nothing (RFC 9143, section 6). */
const isStream = (section: RawSection): section is Stream =>
  (section.kind === 'audio' || section.kind === 'video') && (section.port !== '0' || hasFlag(section, 'bundle-only'));

/** Reads an offer. Throws SdpError for what is no SDP and for what cannot be served, with the way out. */
export function readOffer(sdp: string): Offer {
  const { session, media } = readSections(sdp);
  if (media.length === 0) throw unusable('has no media');
  if (media.length > MAX_MEDIA) throw unusable(`has ${media.length} media sections; ${MAX_MEDIA} are the most`);
  const candidates = countCandidates([session, ...media].flatMap(({ attributes }) => attributes));
  if (candidates > MAX_CANDIDATES) throw unusable(`has ${candidates} candidates; ${MAX_CANDIDATES} are the most`);

  const taken = media.filter(isStream);
  const [first] = taken;
  if (first === undefined) throw unusable('has neither audio nor video');
  for (const stream of taken) requireDirection(stream, session);
  const sections = media.map((section) => (isStream(section) ? readStream(section) : refused(section)));
  for (const stream of taken) refuseSimulcast(stream);
  for (const kind of ['audio', 'video']) {
    const count = taken.filter((stream) => stream.kind === kind).length;
    if (count > 1) throw unusable(`has ${count} ${kind} sections, and a stream has one`);
  }
  requireBundle(session, taken);

  const tracks = sections.flatMap(({ track }) => track ?? []);
  const extension = (uri: string): number | null =>
    taken.map((stream) => extensionId(stream, uri)).find((id) => id !== null) ?? null;
  const hasTransportCc = taken.some((stream) =>
    valuesOf(stream, 'rtcp-fb').some((value) => value.endsWith(' transport-cc')),
  );
  return {
    sections,
    tracks,
    ...readTransport(session, first, media),
    midExtension: extension(MID),
    transportCcExtension: hasTransportCc ? extension(TRANSPORT_CC) : null,
    reducedSize: taken.every((stream) => hasFlag(stream, 'rtcp-rsize')),
    first: { mline: first.mline, mid: tracks[0]?.mid ?? '' },
  };
}

function requireDirection({ kind, attributes }: Stream, session: RawSection): void {
  const direction =
    [...attributes, ...session.attributes].find((attribute) => DIRECTIONS.includes(attribute)) ?? 'sendrecv';
  if (direction === 'recvonly' || direction === 'inactive')
    throw unusable(`does not send its ${kind}: it is ${direction}`);
}

const midOf = (section: RawSection): string | undefined => valuesOf(section, 'mid')[0];

const refused = (section: RawSection): Section => ({
  kind: section.kind,
  protocol: section.protocol,
  formats: section.formats,
  mid: midOf(section),
  track: null,
  codecs: [],
  extensions: [],
  feedback: [],
});

function readStream(section: Stream): Section {
  const { kind } = section;
  const all = readCodecs(section);
  const chosen = kind === 'video' ? chooseVideo(all) : chooseAudio(all);
  if (!chosen) throw unusable(`does not include ${CODECS[kind]} for its ${kind}`);
  const { payloadType, name, clockRate, fmtp } = chosen;
  const rtx = retransmissionOf(chosen, all);
  const offered = valuesOf(section, 'rtcp-fb');
  const feedback = FEEDBACK.filter(
    (what) => offered.includes(`${payloadType} ${what}`) || offered.includes(`* ${what}`),
  );
  const mid = midOf(section);
  return {
    ...refused(section),
    track: {
      kind,
      codec: name,
      payloadType,
      rtxPayloadType: rtx?.payloadType ?? null,
      clockRate,
      mid: mid ?? '',
      nack: feedback.includes('nack'),
      fmtp,
    },
    codecs: rtx ? [chosen, rtx] : [chosen],
    extensions: valuesOf(section, 'extmap').filter((value) => [MID, TRANSPORT_CC].includes(value.split(' ')[1] ?? '')),
    feedback,
  };
}

/**
 * Refused, because the alternatives are worse: OBS gives up by itself when an answer takes fewer layers than it offered, and
 * a browser then sends the first it named, which may well be the smallest.
 */
function refuseSimulcast({ kind, attributes }: Stream): void {
  const named = attributes.filter((attribute) => /^rid:\S+ send\b/.test(attribute)).length;
  const listed = attributes.map(
    (attribute) => /^simulcast:.*?\bsend (\S+)/.exec(attribute)?.[1]?.split(/[;,]/).length ?? 0,
  );
  // As Chrome writes it for pages that ask in its old way.
  const grouped = attributes.map(
    (attribute) => /^ssrc-group:SIM (.+)/.exec(attribute)?.[1]?.trim().split(/ +/).length ?? 0,
  );
  const layers = Math.max(named, ...listed, ...grouped);
  if (layers > 1)
    throw unusable(
      `sends its ${kind} in ${layers} simulcast layers, of which one would be forwarded: switch simulcast off in the publisher`,
    );
}

/** RFC 9725, section 4.2: all media over one transport. */
function requireBundle(session: RawSection, taken: Stream[]): void {
  if (taken.length < 2) return;
  const groups = valuesOf(session, 'group').map((value) => value.split(/ +/));
  const mids = taken.map((stream) => midOf(stream) ?? '');
  const isBundled = groups.some(
    ([semantics, ...members]) => semantics === 'BUNDLE' && mids.every((mid) => members.includes(mid)),
  );
  if (!isBundled) throw unusable('has audio and video that are not bundled: both must be named in one a=group:BUNDLE');
}

/** RFC 8285, section 5: `<id>[/<direction>] <uri>`. Ids that no packet can have are passed over. */
function extensionId(section: RawSection, uri: string): number | null {
  const value = valuesOf(section, 'extmap').find((line) => line.split(' ')[1] === uri);
  const id = Number(/^(\d{1,3})(?:\/\w+)? /.exec(value ?? '')?.[1] ?? 0);
  return id >= 1 && id <= 255 ? id : null;
}

const unusable = (why: string): SdpError => new SdpError(`The offer ${why}.`);
