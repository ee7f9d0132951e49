// Looks a publisher's SDP over before anything is started for it: what no worker could answer is refused here, with the reason.
import { BadRequestException, UnprocessableEntityException } from '@nestjs/common';

const MAX_MEDIA = 4;
/** 10,000 candidates block an ICE agent for half a second (measured); no honest host has a hundred. */
const MAX_CANDIDATES = 100;
const FINGERPRINT = /^fingerprint:sha-256 [0-9A-F]{2}(:[0-9A-F]{2}){31}$/i;
const UFRAG = /^ice-ufrag:([!-~]{4,256})$/;
const PWD = /^ice-pwd:[!-~]{22,256}$/;
const DIRECTIONS = ['sendonly', 'sendrecv', 'recvonly', 'inactive'];
/** What a pipeline can take: H.264 goes through untouched, VP8, VP9 and AV1 are transcoded, Opus is decoded. */
const CODECS = { video: { test: /^rtpmap:\d{1,3} (H264|VP8|VP9|AV1)\/90000$/i, name: 'H.264, VP8, VP9 or AV1' }, audio: { test: /^rtpmap:\d{1,3} opus\/48000(\/2)?$/i, name: 'Opus' } };

interface Section {
  /** audio, video, application... of an m-line; `session` for what stands before the first. */
  kind: string;
  attributes: string[];
}

/** Returns the offer's ICE user fragment; throws 400 for what is no SDP and 422 for an offer that cannot be served. */
export function checkOffer(sdp: string): { iceUfrag: string } {
  const [session, ...media] = sections(sdp) as [Section, ...Section[]];
  if (media.length === 0) throw unusable('has no media');
  if (media.length > MAX_MEDIA) throw unusable(`has ${media.length} media sections; ${MAX_MEDIA} are the most`);
  const all = [session, ...media].flatMap((section) => section.attributes);
  const candidates = all.filter((attribute) => attribute.startsWith('candidate:')).length;
  if (candidates > MAX_CANDIDATES) throw unusable(`has ${candidates} candidates; ${MAX_CANDIDATES} are the most`);

  const streams = media.filter(({ kind }) => kind === 'audio' || kind === 'video');
  if (streams.length === 0) throw unusable('has neither audio nor video');
  for (const section of streams) checkStream(section, session);
  for (const kind of ['audio', 'video']) {
    const count = streams.filter((section) => section.kind === kind).length;
    if (count > 1) throw unusable(`has ${count} ${kind} sections, and a stream has one`);
  }

  if (!all.some((attribute) => FINGERPRINT.test(attribute))) throw unusable('has no sha-256 certificate fingerprint');
  if (all.some((attribute) => /^setup:(?!(actpass|active|passive)$)/.test(attribute))) throw unusable('has an unknown DTLS role');
  const iceUfrag = all.map((attribute) => UFRAG.exec(attribute)?.[1]).find((ufrag) => ufrag !== undefined);
  if (iceUfrag === undefined || !all.some((attribute) => PWD.test(attribute))) throw unusable('has no ICE user fragment and password');
  return { iceUfrag };
}

function checkStream({ kind, attributes }: Section, session: Section): void {
  const direction = [...attributes, ...session.attributes].find((attribute) => DIRECTIONS.includes(attribute)) ?? 'sendrecv';
  if (direction === 'recvonly' || direction === 'inactive') throw unusable(`does not send its ${kind}: it is ${direction}`);
  const codec = CODECS[kind as keyof typeof CODECS];
  if (!attributes.some((attribute) => codec.test.test(attribute))) throw unusable(`does not include ${codec.name} for its ${kind}`);
  refuseSimulcast(kind, attributes);
}

/**
 * Refused, because the alternatives are worse: OBS gives up by itself when an answer takes fewer layers than it offered, and
 * a browser then sends the first it named, which may well be the smallest.
 */
function refuseSimulcast(kind: string, attributes: string[]): void {
  const named = attributes.filter((attribute) => /^rid:\S+ send\b/.test(attribute)).length;
  const listed = attributes.map((attribute) => /^simulcast:.*?\bsend (\S+)/.exec(attribute)?.[1]?.split(/[;,]/).length ?? 0);
  // As Chrome writes it for pages that ask in its old way.
  const grouped = attributes.map((attribute) => /^ssrc-group:SIM (.+)/.exec(attribute)?.[1]?.trim().split(/ +/).length ?? 0);
  const layers = Math.max(named, ...listed, ...grouped);
  if (layers > 1) throw unusable(`sends its ${kind} in ${layers} simulcast layers, of which one would be forwarded: switch simulcast off in the publisher`);
}

function sections(sdp: string): Section[] {
  const result: Section[] = [{ kind: 'session', attributes: [] }];
  const lines = textLines(sdp);
  if (lines[0] !== 'v=0') throw new BadRequestException('The body is not an SDP offer: it must begin with v=0.');
  for (const line of lines) {
    if (line.startsWith('m=')) result.push({ kind: line.slice(2).split(' ', 1)[0] ?? '', attributes: [] });
    else if (line.startsWith('a=')) result.at(-1)?.attributes.push(line.slice(2).trim());
  }
  return result;
}

const unusable = (why: string): Error => new UnprocessableEntityException(`The offer ${why}.`);

/** An SDP fragment of a PATCH (RFC 8840): the user fragment it speaks of, and how many candidates it brings. */
export interface Fragment {
  iceUfrag: string | undefined;
  hasPassword: boolean;
}

/** Reads a trickled fragment; throws 400 when it is none. Some clients' m-lines have no port: nothing here depends on m-lines. */
export function checkFragment(text: string): Fragment {
  const lines = textLines(text);
  if (lines.length === 0) throw new BadRequestException('The body is not an SDP fragment: it is empty.');
  const attributes = lines.filter((line) => line.startsWith('a=')).map((line) => line.slice(2).trim());
  if (attributes.filter((attribute) => attribute.startsWith('candidate:')).length > MAX_CANDIDATES) {
    throw new BadRequestException(`The fragment has more than ${MAX_CANDIDATES} candidates.`);
  }
  return {
    iceUfrag: attributes.map((attribute) => UFRAG.exec(attribute)?.[1]).find((ufrag) => ufrag !== undefined),
    hasPassword: attributes.some((attribute) => PWD.test(attribute)),
  };
}

/** Lines of `x=...`, however they end; anything else was never SDP (a NUL, a lone CR, HTML...). */
function textLines(text: string): string[] {
  const lines = text.split(/\r?\n/).filter((line) => line !== '');
  // oxlint-disable-next-line no-control-regex -- control characters are what we look for
  const bad = lines.findIndex((line) => !/^[a-z]=/.test(line) || /[\u0000-\u0008\u000a-\u001f\u007f]/.test(line));
  if (bad !== -1) throw new BadRequestException(`The body is not SDP: line ${bad + 1} is damaged.`);
  return lines;
}
