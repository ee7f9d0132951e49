// What the specs of the H.264 depayloader have in common: units, and what comes out of their packets.
import type { AccessUnit } from '../../apps/pipeline/src/input/codecs/h264/access-unit.js';
import { H264Depayloader } from '../../apps/pipeline/src/input/codecs/h264/depayloader.js';
import type { OrderedPacket } from '#libs/rtp';
import { ppsOf, sliceOf, spsOf } from './h264.js';

export const [SPS, PPS] = [spsOf({}), ppsOf(0, 0)];
export const BODY = Buffer.from(Array.from({ length: 5000 }, (_, i) => i & 0xff));
export const IDR = sliceOf({ idr: true, body: BODY });
export const INTER = sliceOf();
export const SECOND_SLICE = sliceOf({ first: 40 });
export const SEI = Buffer.from('060502aabb80', 'hex');
export const FILLER = Buffer.from('0cffff80', 'hex');
export const KEY_UNIT = [SPS, PPS, IDR];
export const SPROP = `packetization-mode=1;sprop-parameter-sets=${SPS.toString('base64')},${PPS.toString('base64')};profile-level-id=42e01f`;

/** What comes out of these packets, and of the moment after the last one. */
export function run(packets: OrderedPacket[], depayloader = new H264Depayloader('')): AccessUnit[] {
  const units = packets.flatMap((packet) => depayloader.push(packet));
  const last = depayloader.flush();
  return last ? [...units, last] : units;
}

/** Which pictures came out, by their times: k for a key frame, p for another, c after one with a configuration. */
export const shape = (units: AccessUnit[]): string =>
  units.map(({ time, keyframe, config }) => `${time / 40}${keyframe ? 'k' : 'p'}${config ? 'c' : ''}`).join(' ');
