// What a viewer of a platform gets: reads an RTMP play URL (or a file) with ffprobe/ffmpeg, always under a deadline.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

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

export interface ProbedPacket {
  codec_type: 'video' | 'audio';
  /** Seconds, as carried in the stream. */
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

/** The first `seconds` of media with every packet. Fails when nothing plays in time (`deadlineMs` over the duration). */
export async function probe(url: string, { seconds = 5, deadlineMs = 15_000 } = {}): Promise<Probe> {
  const input = ['-v', 'error', ...liveOptions(url), '-fflags', 'nobuffer', '-analyzeduration', '2000000'];
  const output = ['-read_intervals', `%+${seconds}`, '-show_streams', '-show_packets', '-of', 'json', url];
  const { stdout } = await withDeadline('ffprobe', [...input, ...output], seconds * 1000 + deadlineMs);
  const found = JSON.parse(stdout) as { streams?: ProbedStream[]; packets?: Record<string, string>[] };
  const packets = (found.packets ?? []).map((packet) => ({
    codec_type: packet.codec_type as 'video' | 'audio',
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

export interface Volume {
  /** Decibels relative to full scale; digital silence reads as about -91. */
  mean: number;
  max: number;
}

/** How loud the audio is over `seconds`: decoded, so that silence and sound cannot be confused. */
export async function volumeDetect(url: string, { seconds = 3, deadlineMs = 15_000 } = {}): Promise<Volume> {
  const args = ['-hide_banner', '-nostats', ...liveOptions(url), '-i', url, '-t', String(seconds)];
  const filter = ['-vn', '-af', 'volumedetect', '-f', 'null', '-'];
  const { stderr } = await withDeadline('ffmpeg', [...args, ...filter], seconds * 1000 + deadlineMs);
  const value = (name: string): number =>
    Number(new RegExp(`${name}_volume: (-?[\\d.]+|-inf) dB`).exec(stderr)?.[1]?.replace('-inf', '-91'));
  const volume = { mean: value('mean'), max: value('max') };
  if (Number.isNaN(volume.mean)) throw new Error(`no audio from ${url}: ${stderr.slice(-500)}`);
  return volume;
}

/** The number of frames that decode without any error over `seconds`; the decoder's complaints fail the call. */
export async function decodeFrames(url: string, { seconds = 5, deadlineMs = 15_000 } = {}): Promise<number> {
  const args = ['-v', 'error', '-xerror', '-progress', 'pipe:1', ...liveOptions(url), '-i', url, '-t', String(seconds)];
  const { stdout } = await withDeadline('ffmpeg', [...args, '-an', '-f', 'null', '-'], seconds * 1000 + deadlineMs);
  return Number([...stdout.matchAll(/^frame=(\d+)/gm)].at(-1)?.[1] ?? 0);
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
    const { killed, stderr = '', message } = error as Error & { killed?: boolean; stderr?: string };
    const why = killed ? `gave nothing within ${timeout / 1000} s` : stderr.trim().slice(-800) || message;
    throw new Error(`${program}: ${why}`, { cause: error });
  }
}
