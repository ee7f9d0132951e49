/** Codecs of an m-section, and which of them is taken. */
import { type RawSection, valuesOf } from './text.js';

/** One payload type of an m-section. */
export interface Codec {
  payloadType: number;
  /** Upper case. */
  name: string;
  /** As written behind the payload type of `a=rtpmap`. */
  encoding: string;
  clockRate: number;
  fmtp: string;
}

/** Video codecs we take, best first. H.264 alone is forwarded untouched. */
const VIDEO_PREFERENCE = ['H264', 'VP8', 'VP9', 'AV1'];
/** Constrained baseline never has B-frames, which RTMP platforms and WebRTC publishers agree on; then what OBS sends. */
const PROFILE_PREFERENCE = [/^42[cef]0/i, /^4200/i, /^4d/i, /^64/i];
const CLOCK_RATES: Record<string, number> = {
  H264: 90_000,
  VP8: 90_000,
  VP9: 90_000,
  AV1: 90_000,
  RTX: 90_000,
  OPUS: 48_000,
};

/** Those that we know, of the payload types that the m-line names. */
export function readCodecs(section: RawSection): Codec[] {
  const offered = new Set(section.formats.split(/ +/));
  const parameters = valuesOf(section, 'fmtp');
  return valuesOf(section, 'rtpmap').flatMap((line) => {
    const [, payloadType, encoding = '', name = '', clockRate] =
      /^(\d{1,3}) (([\w.-]+)\/(\d+)(?:\/\d+)?)$/.exec(line) ?? [];
    const upper = name.toUpperCase();
    if (
      !payloadType ||
      !offered.has(payloadType) ||
      Number(payloadType) > 127 ||
      CLOCK_RATES[upper] !== Number(clockRate)
    )
      return [];
    const fmtp = parameters.find((value) => value.startsWith(`${payloadType} `)) ?? '';
    return [
      {
        payloadType: Number(payloadType),
        name: upper,
        encoding,
        clockRate: Number(clockRate),
        fmtp: fmtp.slice(payloadType.length + 1).trim(),
      },
    ];
  });
}

/** Of H.264, when the offer does not say: constrained baseline, which every sender can. */
export const profileOf = (codec: Codec): string =>
  /profile-level-id=([0-9a-fA-F]{6})/.exec(codec.fmtp)?.[1] ?? '42e01f';

export const chooseAudio = (all: Codec[]): Codec | undefined => all.find(({ name }) => name === 'OPUS');

export function chooseVideo(all: Codec[]): Codec | undefined {
  for (const name of VIDEO_PREFERENCE) {
    const found = name === 'H264' ? bestH264(all) : all.find((codec) => codec.name === name);
    if (found) return found;
  }
  return undefined;
}

function bestH264(all: Codec[]): Codec | undefined {
  const usable = all.filter((codec) => codec.name === 'H264' && /packetization-mode=1/.test(codec.fmtp));
  for (const profile of PROFILE_PREFERENCE) {
    const found = usable.find((codec) => profile.test(profileOf(codec)));
    if (found) return found;
  }
  // Mode 0 (single NAL unit) is what senders without an fmtp line mean (RFC 6184, section 8.1).
  return usable[0] ?? all.find((codec) => codec.name === 'H264');
}

/** The payload type of a codec's retransmissions (RFC 4588). */
export const retransmissionOf = (codec: Codec, all: Codec[]): Codec | undefined =>
  all.find(({ name, fmtp }) => name === 'RTX' && new RegExp(`\\bapt=${codec.payloadType}\\b`).test(fmtp));
