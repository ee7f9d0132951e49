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
interface Options {
  seconds?: number;
  deadlineMs?: number;
}
export function probe(url: string, options?: Options): Promise<Probe>;
/** Decibels relative to full scale, of all that is heard or of the band around one frequency; digital silence reads as about -91. */
export function volumeDetect(url: string, options?: Options & { hertz?: number }): Promise<{ mean: number; max: number }>;
export function decodeFrames(url: string, options?: Options & { frames?: number }): Promise<number>;
/** Fingerprints of the H.264 pictures, in order, from a key frame on; see ./pictures.mjs. */
export function pictures(url: string, options?: { frames?: number; deadlineMs?: number }): Promise<string[]>;
/** Size and mean colour (red, green, blue) of a picture file. */
export function picture(file: string, options?: { deadlineMs?: number }): Promise<{ width: number; height: number; colour: [number, number, number] }>;
/** Largest and smallest step between neighbours, ms. */
export function steps(packets: ProbedPacket[]): { largest: number; smallest: number };
/** How much later (ms) the sound comes than the picture, wherever a file's picture turns from black to white as its sound begins. */
export function lipSync(file: string, options?: { deadlineMs?: number }): Promise<number[]>;
