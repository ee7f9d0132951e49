import { APPID, ENTRY_POINT_NAME, optionProblems, type TransferOptions } from '#libs/transfer';
import { badRequest, type FieldError } from '../../http/problem.js';

type Body = Record<string, unknown>;

/** Narrows a stream's name down to one project or entry point; the vendor has neither. */
export interface Place {
  appId?: string;
  entryPoint?: string;
}

export interface Startup extends Place {
  streamName: string;
  rtmpUrl: string;
  /** Overrules the entry point's setting. */
  fullUrl?: boolean;
  options: TransferOptions;
}

export interface Filter extends Place {
  streamName?: string;
  rtmpUrl?: string;
}

/** Answer of startup, find and find_all, in the order of the vendor's documentation. */
export interface TransponderResponse {
  mediaSessionId: string;
  /** The name on the RTMP server. */
  streamName: string;
  rtmpUrl: string;
  /** 0 while not known. */
  width: number;
  height: number;
  muted: boolean;
  soundEnabled: boolean;
  options: object;
}

const MAX_TEXT = 2048;

/** Fields that are not known are no mistake here: real clients send many, and Web Call Server takes them. */
export function readStartup(body: Body): Startup {
  const problems: FieldError[] = [];
  const streamName = text(body, 'streamName', problems);
  const rtmpUrl = text(body, 'rtmpUrl', problems)?.trim();
  if (streamName === undefined || streamName === '') problems.push({ field: 'streamName', message: 'is not set' });
  if (rtmpUrl === undefined || rtmpUrl === '') problems.push({ field: 'rtmpUrl', message: 'is not set' });
  const options = { ...flashVersion(body, problems), ...videoOptions(body), ...action(body.options, problems) };
  problems.push(...optionProblems(options));
  const place = readPlace(body, problems);
  const fullUrl = yesOrNo(body, 'rtmpTransponderFullUrl', problems);
  if (problems.length > 0) throw badRequest(problems);
  return { streamName: streamName as string, rtmpUrl: rtmpUrl as string, fullUrl, options, ...place };
}

export function readFilter(body: Body): Filter {
  const problems: FieldError[] = [];
  const filter = {
    streamName: text(body, 'streamName', problems) || undefined,
    rtmpUrl: text(body, 'rtmpUrl', problems)?.trim() || undefined,
    ...readPlace(body, problems),
  };
  if (problems.length > 0) throw badRequest(problems);
  return filter;
}

/** Undefined for what cannot be an id of ours: there is no such transponder. */
export function readMediaSessionId(body: Body): string | undefined {
  const { mediaSessionId } = body;
  if (mediaSessionId === undefined || mediaSessionId === null || mediaSessionId === '')
    throw badRequest([{ field: 'mediaSessionId', message: 'is not set' }]);
  return typeof mediaSessionId === 'string' && /^[0-9a-v]{26}$/.test(mediaSessionId) ? mediaSessionId : undefined;
}

export function readSound(body: Body): NonNullable<TransferOptions['sound']> {
  const problems: FieldError[] = [];
  const sound = { file: body.soundFile, loop: yesOrNo(body, 'loop', problems) ?? false };
  problems.push(...optionProblems({ sound }).map(soundFile));
  if (problems.length > 0) throw badRequest(problems);
  return { file: String(sound.file), loop: sound.loop };
}

/** Our options back as the vendor's, which has one action at a time. */
export function toVendorOptions({ muted, sound }: TransferOptions): object {
  if (sound != null) return { action: 'sound_on', soundFile: sound.file, loop: sound.loop };
  return muted ? { action: 'mute' } : {};
}

function text(body: Body, field: string, problems: FieldError[]): string | undefined {
  const value = body[field] ?? undefined;
  if (value === undefined || (typeof value === 'string' && value.length <= MAX_TEXT)) return value;
  problems.push({ field, message: `must be a text of ${MAX_TEXT} characters at most` });
  return undefined;
}

function yesOrNo(body: Body, field: string, problems: FieldError[]): boolean | undefined {
  const value = body[field] ?? undefined;
  if (value === undefined || typeof value === 'boolean') return value;
  if (value === 'true' || value === 'false') return value === 'true';
  problems.push({ field, message: 'must be true or false' });
  return undefined;
}

function readPlace(body: Body, problems: FieldError[]): Place {
  const appId = text(body, 'appId', problems) || undefined;
  const entryPoint = text(body, 'entryPoint', problems) || undefined;
  if (appId !== undefined && !APPID.test(appId)) problems.push({ field: 'appId', message: 'is not an appid' });
  if (entryPoint !== undefined && !ENTRY_POINT_NAME.test(entryPoint))
    problems.push({ field: 'entryPoint', message: 'is not the name of an entry point' });
  return { appId, entryPoint };
}

function flashVersion(body: Body, problems: FieldError[]): TransferOptions {
  const flashVer = text(body, 'rtmpFlashVersion', problems);
  return flashVer ? { flashVer } : {};
}

/** 0 and absent are the same. Encoders want even sizes; forms send numbers as text. */
function videoOptions(body: Body): Record<string, unknown> {
  const given = (['width', 'height', 'keyFrameInterval', 'fps', 'bitrate'] as const).flatMap((field) => {
    const value = typeof body[field] === 'string' && body[field] !== '' ? Number(body[field]) : body[field];
    if (value === undefined || value === null || value === '' || value === 0) return [];
    const even = typeof value === 'number' && (field === 'width' || field === 'height') && Number.isInteger(value);
    return [[field, even ? value - (value % 2) : value] as const];
  });
  const sizes = Object.fromEntries(given);
  // "It is impossible to change the width only": without a height it is as if it were not there, whatever it is.
  if (sizes.height === undefined) delete sizes.width;
  return sizes;
}

function action(options: unknown, problems: FieldError[]): TransferOptions {
  if (options === undefined || options === null) return {};
  if (typeof options !== 'object' || Array.isArray(options)) {
    problems.push({ field: 'options', message: 'must be an object' });
    return {};
  }
  const given = options as Body;
  if (given.action === undefined || given.action === null || given.action === '') return {};
  if (given.action === 'mute') return { muted: true };
  if (given.action === 'sound_on') {
    const sound = { file: given.soundFile as string, loop: yesOrNo(given, 'loop', problems) ?? false };
    // Reported here by its own name.
    const wrong = optionProblems({ sound });
    problems.push(...wrong.map(soundFile));
    return wrong.length > 0 ? {} : { sound };
  }
  problems.push({ field: 'options.action', message: 'must be mute or sound_on' });
  return {};
}

const soundFile = ({ message }: FieldError): FieldError => ({ field: 'soundFile', message });
