/** Options of one transfer; without one, the stream is forwarded as it is. */
export interface TransferOptions {
  /** Silence in place of the stream's audio. */
  muted?: boolean;
  /** Not forwarded for now. */
  paused?: boolean;
  /** Verify the platform's certificate (rtmps); true unless switched off. */
  tlsVerify?: boolean;
  /** What we claim to be in RTMP's connect. */
  flashVer?: string;
  /** Send onMetaData; true unless switched off. */
  sendMetadata?: boolean;
  /** A WAV file of the project's media folder replaces the audio: again and again (`loop`), or once. */
  sound?: { file: string; loop: boolean } | null;
  /** With any of these, the video is encoded for this transfer (and others with the same values). Width needs a height. */
  width?: number;
  height?: number;
  fps?: number;
  /** Frames between two key frames. */
  keyFrameInterval?: number;
  /** kbit/s. */
  bitrate?: number;
  /** Stream time gathered before the first frame is sent, ms: a cushion against a network that stutters. */
  bufferStartMs?: number;
  /** The most stream time that may wait for a slow platform, ms; then whole GOPs are dropped. */
  bufferMaxMs?: number;
  /** With a bufferStartMs: frames leave as evenly as they were made, looked after this often, ms. */
  bufferPollMs?: number;
  /** How often a buffer that ran empty is filled again before frames are sent as they come; no limit when absent. */
  bufferRefills?: number;
  /** Attempts in a row before the transfer is given up; without a limit when absent. 0: the first failure ends it. */
  reconnectAttempts?: number;
  /** The same pause before every attempt, ms, instead of one that grows. */
  reconnectIntervalMs?: number;
  /** Local address to connect from. Only the service sets it. */
  localAddress?: string;
}

/** A name inside one folder, never a path. */
export const SOUND_FILE = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\.wav$/i;

type Check = (value: unknown) => string | null;

const flag: Check = (value) => (typeof value === 'boolean' ? null : 'must be true or false');
const whole =
  (least: number, most: number, even = false): Check =>
  (value) =>
    Number.isInteger(value) &&
    (value as number) >= least &&
    (value as number) <= most &&
    (!even || (value as number) % 2 === 0)
      ? null
      : `must be ${even ? 'an even' : 'a whole'} number from ${least} to ${most}`;

const CHECKS: Record<keyof TransferOptions, Check> = {
  muted: flag,
  paused: flag,
  tlsVerify: flag,
  sendMetadata: flag,
  // Printable ASCII: it ends up in the platform's logs.
  flashVer: (value) =>
    typeof value === 'string' && /^[ -~]{1,128}$/.test(value) ? null : 'must be 1 to 128 printable ASCII characters',
  sound: checkSound,
  width: whole(16, 3840, true),
  height: whole(16, 2160, true),
  fps: whole(1, 60),
  keyFrameInterval: whole(1, 600),
  bitrate: whole(50, 20_000),
  bufferStartMs: whole(0, 10_000),
  bufferMaxMs: whole(500, 60_000),
  bufferPollMs: whole(10, 1000),
  bufferRefills: whole(0, 1_000_000),
  reconnectAttempts: whole(0, 10_000),
  reconnectIntervalMs: whole(100, 600_000),
  localAddress: () => 'is not for customers to choose',
};

function checkSound(value: unknown): string | null {
  if (value === null) return null;
  const { file, loop, ...rest } = (value ?? {}) as Record<string, unknown>;
  if (typeof value !== 'object' || Object.keys(rest).length > 0)
    return 'must be {"file": "name.wav", "loop": true or false}, or null';
  if (typeof file !== 'string' || !SOUND_FILE.test(file))
    return 'must name a .wav file of the media folder, without a path';
  return loop === undefined || typeof loop === 'boolean' ? null : 'must have loop true or false';
}

/** Whether there is an option of this name. */
export const isOption = (name: string): boolean => Object.hasOwn(CHECKS, name);

/** What is wrong with options from outside, field by field; empty when nothing is. */
export function optionProblems(options: Record<string, unknown>): { field: string; message: string }[] {
  return Object.entries(options).flatMap(([field, value]) => {
    if (!isOption(field)) return [{ field, message: 'is not a known option' }];
    const message = CHECKS[field as keyof TransferOptions](value);
    return message === null ? [] : [{ field, message }];
  });
}

/** How video is to be encoded; transfers with the same one share an encoder. */
export interface VideoProfile {
  width: number | null;
  height: number | null;
  fps: number | null;
  keyFrameInterval: number;
  /** kbit/s. */
  bitrate: number;
}

const DEFAULT_KEYFRAME_SECONDS = 2;
const DEFAULT_FPS = 30;

/**
 * The profile that these options ask for; null for passthrough. A height alone keeps the aspect ratio, a width alone is
 * ignored (Flashphoner, "Transcoding"). The bitrate, if none is given, follows the height.
 */
export function videoProfile({ width, height, fps, keyFrameInterval, bitrate }: TransferOptions): VideoProfile | null {
  if (height === undefined && fps === undefined && keyFrameInterval === undefined && bitrate === undefined) return null;
  return {
    width: height === undefined ? null : (width ?? null),
    height: height ?? null,
    fps: fps ?? null,
    keyFrameInterval: keyFrameInterval ?? (fps ?? DEFAULT_FPS) * DEFAULT_KEYFRAME_SECONDS,
    bitrate: bitrate ?? defaultKbps(height ?? 720),
  };
}

/** What platforms recommend for 30 frames a second, between and beyond their steps. */
function defaultKbps(height: number): number {
  if (height <= 240) return 400;
  if (height <= 360) return 800;
  if (height <= 480) return 1200;
  return height <= 720 ? 2500 : 4500;
}
