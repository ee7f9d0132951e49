// What a viewer of a platform gets: reads an RTMP play URL (or a file) with ffprobe/ffmpeg, always under a deadline.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { messageOf } from './errors.ts';

const run = promisify(execFile);

export interface ProbedStream {
  index: number;
  codec_type: 'video' | 'audio';
  codec_name: string;
  profile?: string;
  width?: number;
  height?: number;
  has_b_frames?: number;
  sample_rate?: string;
  channels?: number;
}

/** Times in seconds, as carried in the stream. */
export interface ProbedPacket {
  codec_type: 'video' | 'audio';
  pts: number;
  dts: number;
  duration: number;
  size: number;
  isKey: boolean;
}

export interface Probe {
  streams: ProbedStream[];
  packets: ProbedPacket[];
  video: ProbedPacket[];
  audio: ProbedPacket[];
}

/** Decibels relative to full scale; digital silence reads as about -91. */
export interface Volume {
  mean: number;
  max: number;
}

interface Written {
  streams?: ProbedStream[];
  packets?: {
    codec_type: 'video' | 'audio';
    pts_time: string;
    dts_time: string;
    duration_time?: string;
    size: string;
    flags?: string;
  }[];
}

/** How much of it, and how long over that it may take. */
interface Extent {
  seconds?: number;
  deadlineMs?: number;
}

/** The first `seconds` of media with every packet. Fails when nothing plays in time (`deadlineMs` over the duration). */
export async function probe(url: string, { seconds = 5, deadlineMs = 15_000 }: Extent = {}): Promise<Probe> {
  const input = ['-v', 'error', ...liveOptions(url), '-analyzeduration', '6000000'];
  const output = ['-read_intervals', `%+${seconds}`, '-show_streams', '-show_packets', '-of', 'json', url];
  const { stdout } = await withDeadline('ffprobe', [...input, ...output], seconds * 1000 + deadlineMs);
  const found = JSON.parse(stdout) as Written;
  const packets = (found.packets ?? []).map((packet) => ({
    codec_type: packet.codec_type,
    pts: Number(packet.pts_time),
    dts: Number(packet.dts_time),
    duration: Number(packet.duration_time ?? 0),
    size: Number(packet.size),
    isKey: packet.flags?.startsWith('K') ?? false,
  }));
  if (packets.length === 0) throw new Error(`no packets from ${url}`);
  return {
    streams: found.streams ?? [],
    packets,
    video: packets.filter((packet) => packet.codec_type === 'video'),
    audio: packets.filter((packet) => packet.codec_type === 'audio'),
  };
}

/** How loud the audio is over `seconds`: decoded, so that silence and sound cannot be confused. `hertz`: of the band around this frequency only. */
export async function volumeDetect(
  url: string,
  { seconds = 3, deadlineMs = 15_000, hertz }: Extent & { hertz?: number } = {},
): Promise<Volume> {
  const args = ['-hide_banner', '-nostats', ...liveOptions(url), '-i', url, '-t', String(seconds)];
  const band = hertz === undefined ? '' : `bandpass=f=${hertz}:width_type=h:w=50,`;
  const filter = ['-vn', '-af', `${band}volumedetect`, '-f', 'null', '-'];
  const { stderr } = await withDeadline('ffmpeg', [...args, ...filter], seconds * 1000 + deadlineMs);
  const value = (name: string) =>
    Number(new RegExp(`${name}_volume: (-?[\\d.]+|-inf) dB`).exec(stderr)?.[1]?.replace('-inf', '-91'));
  const volume = { mean: value('mean'), max: value('max') };
  if (Number.isNaN(volume.mean)) throw new Error(`no audio from ${url}: ${stderr.slice(-500)}`);
  return volume;
}

/** The number of frames that decode without any error over `seconds`, or up to `frames`; the decoder's complaints fail the call. */
export async function decodeFrames(
  url: string,
  { seconds = 5, frames, deadlineMs = 15_000 }: Extent & { frames?: number } = {},
): Promise<number> {
  // A live stream is joined anywhere in a group of pictures: only a number of pictures, not a time, can be counted on.
  const limit = frames === undefined ? ['-t', String(seconds)] : ['-frames:v', String(frames)];
  const args = ['-v', 'error', '-xerror', '-progress', 'pipe:1', ...liveOptions(url), '-i', url, ...limit];
  // By itself ffmpeg leaves out pictures that are close to each other.
  const { stdout } = await withDeadline(
    'ffmpeg',
    [...args, '-an', '-fps_mode', 'passthrough', '-f', 'null', '-'],
    seconds * 1000 + deadlineMs,
  );
  return Number([...stdout.matchAll(/^frame=(\d+)/gm)].at(-1)?.[1] ?? 0);
}

/**
 * The fingerprint of every H.264 picture in a file, or of the first `frames` from a key frame of a live stream on, in order, as
 * `fingerprint` of ./pictures.ts makes it.
 */
export async function pictures(
  url: string,
  { frames, deadlineMs = 30_000 }: { frames?: number; deadlineMs?: number } = {},
): Promise<string[]> {
  const limit = frames === undefined ? [] : ['-frames:v', String(frames)];
  const args = ['-v', 'error', ...liveOptions(url), '-i', url, ...limit, '-map', '0:v', '-c', 'copy'];
  const slices = ['-bsf:v', 'filter_units=pass_types=1-5', '-f', 'framehash', '-hash', 'md5', '-'];
  const { stdout } = await withDeadline('ffmpeg', [...args, ...slices], deadlineMs);
  return [...stdout.matchAll(/^\d+,.*,\s*([0-9a-f]{32})$/gm)].map(([, hash]) => String(hash));
}

export interface Picture {
  width: number;
  height: number;
  colour: [red: number, green: number, blue: number];
}

/** Size and mean colour (0 to 255) of a picture file. */
export async function picture(file: string, { deadlineMs = 15_000 } = {}): Promise<Picture> {
  const { streams } = await probe(file, { deadlineMs });
  const args = [
    '-v',
    'error',
    '-xerror',
    '-i',
    file,
    '-vf',
    'scale=1:1:flags=area,format=rgb24',
    '-f',
    'rawvideo',
    '-',
  ];
  const { stdout } = await run('ffmpeg', args, { timeout: deadlineMs, killSignal: 'SIGKILL', encoding: 'buffer' });
  const [red = 0, green = 0, blue = 0] = stdout;
  return { width: Number(streams[0]?.width), height: Number(streams[0]?.height), colour: [red, green, blue] };
}

/** How much later the sound comes than the picture, ms, wherever a file's picture turns from black to white as its sound begins. */
export async function lipSync(file: string, { deadlineMs = 30_000 } = {}): Promise<number[]> {
  const filters = ['-vf', 'blackdetect=d=0.1:pix_th=0.3', '-af', 'silencedetect=n=-30dB:d=0.1'];
  const { stderr } = await withDeadline(
    'ffmpeg',
    ['-hide_banner', '-nostats', '-i', file, ...filters, '-f', 'null', '-'],
    deadlineMs,
  );
  const timesOf = (name: string) =>
    [...stderr.matchAll(new RegExp(`${name}: ?([\\d.]+)`, 'g'))].map(([, at]) => Number(at) * 1000);
  const [seen, heard] = [timesOf('black_end'), timesOf('silence_end')];
  const nearest = (at: number) =>
    heard.reduce((best, other) => (Math.abs(other - at) < Math.abs(best - at) ? other : best), Infinity);
  return seen.map((at) => nearest(at) - at);
}

/** The largest step between neighbours and whether any goes back, ms, of packets in the order in which they came. */
export function steps(packets: ProbedPacket[]): { largest: number; smallest: number } {
  const gaps = packets.slice(1).map((packet, i) => Math.round((packet.dts - (packets[i]?.dts ?? NaN)) * 1000));
  return { largest: Math.max(0, ...gaps), smallest: Math.min(...gaps) };
}

function liveOptions(url: string): string[] {
  return /^rtmps?:/.test(url) ? ['-rtmp_live', 'live', '-rw_timeout', '10000000'] : [];
}

async function withDeadline(
  program: string,
  args: string[],
  timeout: number,
): Promise<{ stdout: string; stderr: string }> {
  try {
    return await run(program, args, { timeout, killSignal: 'SIGKILL', maxBuffer: 64 << 20 });
  } catch (error) {
    const { killed, stderr } = error as { killed?: boolean; stderr?: string };
    const why = killed ? `gave nothing within ${timeout / 1000} s` : stderr?.trim().slice(-800) || messageOf(error);
    throw new Error(`${program}: ${why}`, { cause: error });
  }
}
