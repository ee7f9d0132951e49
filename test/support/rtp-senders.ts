// Senders of RTP on a network, for the specs of the clocks.
import type { LipSync, TrackClock } from './rtp-parts.js';

export const VIDEO = 90_000;
export const AUDIO = 48_000;
/** A sender's wall clock and ours have nothing in common. */
export const NTP = 3_900_000_000_000;

/** A sender's track: its packets, `every` ms, and what the network adds. */
export interface Sender {
  clock: TrackClock;
  rate: number;
  every: number;
  /** RTP time at 0. */
  first: number;
  delay: (sent: number) => number;
  /** Its clock is faster by this. */
  ppm?: number;
}

export const rtpTime = ({ rate, first, ppm = 0 }: Sender, sent: number): number =>
  Math.round(first + (sent * (1 + ppm / 1e6) * rate) / 1000) % 2 ** 32;

/** Sends a packet: when it arrives, and what time the clock gives it. */
export function send(sender: Sender, sent: number): { arrival: number; time: number } {
  const arrival = 1000 + sent + sender.delay(sent);
  const timestamp = rtpTime(sender, sent) >>> 0;
  sender.clock.observe(timestamp, sender.rate, arrival);
  return { arrival, time: sender.clock.map(timestamp, arrival) };
}

/** Pseudo-random, the same in every run; from 0 to 1. */
export const noise = (x: number): number => Math.abs(Math.sin(x * 12.9898) * 43_758.5453) % 1;

export const sender = (sync: LipSync, options: Partial<Sender> = {}): Sender => ({
  clock: sync.addTrack(),
  rate: VIDEO,
  every: 33,
  first: 2 ** 32 - 90_000,
  delay: () => 20,
  ...options,
});
export const report = (sync: LipSync, from: Sender, sent: number, ntp = NTP): void =>
  sync.report(from.clock, ntp + sent, rtpTime(from, sent) >>> 0, 1000 + sent + 20);
