/** A switch, as JSON Schema. */
const flag = (description: string) => ({ type: 'boolean', description }) as const;
/** A whole number, as JSON Schema; `even` as encoders want sizes. */
const whole = (minimum: number, maximum: number, description: string, even?: 'even') =>
  ({ type: 'integer', description, minimum, maximum, ...(even ? { multipleOf: 2 } : {}) }) as const;

/** What options of one kind are: JSON Schema, by which they are checked, and which the document of the API shows. */
export const OPTION_SCHEMAS = {
  muted: flag("Silence in place of the stream's audio."),
  paused: flag('Not forwarded for now.'),
  tlsVerify: flag("Verify the platform's certificate (rtmps); true unless switched off."),
  // Printable ASCII: it ends up in the platform's logs.
  flashVer: { type: 'string', description: "What we claim to be in RTMP's connect.", pattern: '^[ -~]{1,128}$' },
  sendMetadata: flag('Send onMetaData; true unless switched off.'),
  width: whole(16, 3840, 'Width of the encoded video; needs a height.', 'even'),
  height: whole(16, 2160, 'Height of the encoded video; alone, it keeps the aspect ratio.', 'even'),
  fps: whole(1, 60, 'Frames per second.'),
  keyFrameInterval: whole(1, 600, 'Frames between two key frames.'),
  bitrate: whole(50, 20_000, 'kbit/s.'),
  bufferStartMs: whole(0, 10_000, 'Stream time gathered before the first frame is sent, ms.'),
  bufferMaxMs: whole(
    500,
    60_000,
    'The most stream time that may wait for a slow platform, ms; then whole GOPs are dropped.',
  ),
  bufferPollMs: whole(
    10,
    1000,
    'With a bufferStartMs: frames leave as evenly as they were made, looked after this often, ms.',
  ),
  bufferRefills: whole(
    0,
    1_000_000,
    'How often a buffer that ran empty is filled again before frames are sent as they come; no limit when absent.',
  ),
  reconnectAttempts: whole(
    0,
    10_000,
    'Attempts in a row before the transfer is given up; no limit when absent. 0: the first failure ends it.',
  ),
  reconnectIntervalMs: whole(100, 600_000, 'The same pause before every attempt, ms, instead of one that grows.'),
} as const;

type Schemas = typeof OPTION_SCHEMAS;
/** The type of a value by its schema's. */
interface Types {
  boolean: boolean;
  integer: number;
  string: string;
}

/** Options of one transfer; without one, the stream is forwarded as it is. */
export type TransferOptions = { [K in keyof Schemas]?: Types[Schemas[K]['type']] } & {
  /** A WAV file of the project's media folder replaces the audio: again and again (`loop`), or once. */
  sound?: { file: string; loop: boolean } | null;
  /** Local address to connect from. Only the service sets it. */
  localAddress?: string;
};

/** A name inside one folder, never a path. */
export const SOUND_FILE = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\.wav$/i;

type Check = (value: unknown) => string | null;

const checkFlag: Check = (value) => (typeof value === 'boolean' ? null : 'must be true or false');
const checkWhole =
  ({ minimum, maximum, multipleOf = 1 }: { minimum: number; maximum: number; multipleOf?: number }): Check =>
  (value) =>
    Number.isInteger(value) &&
    (value as number) >= minimum &&
    (value as number) <= maximum &&
    (value as number) % multipleOf === 0
      ? null
      : `must be ${multipleOf === 2 ? 'an even' : 'a whole'} number from ${minimum} to ${maximum}`;
const checkText =
  ({ pattern }: { pattern: string }): Check =>
  (value) =>
    typeof value === 'string' && new RegExp(pattern).test(value) ? null : 'must be 1 to 128 printable ASCII characters';

function checkOf(schema: Schemas[keyof Schemas]): Check {
  if (schema.type === 'boolean') return checkFlag;
  return schema.type === 'integer' ? checkWhole(schema) : checkText(schema);
}

const CHECKS = {
  ...(Object.fromEntries(Object.entries(OPTION_SCHEMAS).map(([name, schema]) => [name, checkOf(schema)])) as Record<
    keyof Schemas,
    Check
  >),
  sound: checkSound,
  localAddress: () => 'is not for customers to choose',
} satisfies Record<keyof TransferOptions, Check>;

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
