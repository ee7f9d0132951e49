import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LipSync, type TrackClock } from './clock.js';

const VIDEO = 90_000;
const AUDIO = 48_000;
/** A sender's wall clock and ours have nothing in common. */
const NTP = 3_900_000_000_000;

/** A sender's track: its packets, `every` ms, and what the network adds. */
interface Sender {
  clock: TrackClock;
  rate: number;
  every: number;
  /** RTP time at 0. */
  first: number;
  delay: (sent: number) => number;
  /** Its clock is faster by this. */
  ppm?: number;
}

const rtpTime = ({ rate, first, ppm = 0 }: Sender, sent: number): number => Math.round(first + (sent * (1 + ppm / 1e6) * rate) / 1000) % 2 ** 32;

/** Sends a packet: when it arrives, and what time the clock gives it. */
function send(sender: Sender, sent: number): { arrival: number; time: number } {
  const arrival = 1000 + sent + sender.delay(sent);
  const timestamp = rtpTime(sender, sent) >>> 0;
  sender.clock.observe(timestamp, sender.rate, arrival);
  return { arrival, time: sender.clock.map(timestamp, arrival) };
}

/** Pseudo-random, the same in every run; from 0 to 1. */
const noise = (x: number): number => Math.abs(Math.sin(x * 12.9898) * 43_758.5453) % 1;

const sender = (sync: LipSync, options: Partial<Sender> = {}): Sender => ({ clock: sync.addTrack(), rate: VIDEO, every: 33, first: 2 ** 32 - 90_000, delay: () => 20, ...options });
const report = (sync: LipSync, from: Sender, sent: number, ntp = NTP): void => sync.report(from.clock, ntp + sent, rtpTime(from, sent) >>> 0, 1000 + sent + 20);

describe('the clock of a track', () => {
  it('begins with the first arrival, and goes on over the end of RTP time', () => {
    const video = sender(new LipSync());
    for (let sent = 0; sent < 3000; sent += 100) expect(send(video, sent).time).toBeCloseTo(1020 + sent, 6);
  });

  it('maps earlier RTP times exactly: B-frames', () => {
    const clock = new LipSync().addTrack();
    clock.observe(9000, VIDEO, 1000);
    const shown = [18_000, 12_000, 15_000, 27_000, 21_000, 24_000].map((timestamp, i) => {
      clock.observe(timestamp, VIDEO, 1000 + 33 * (i + 1));
      return clock.map(timestamp, 1000) - clock.map(9000, 1000);
    });
    expect(shown.map((ms) => Math.round(ms * 1000) / 1000)).toEqual([100, 33.333, 66.667, 200, 133.333, 166.667]);
  });

  it('does not show the jitter of the network', () => {
    const audio = sender(new LipSync(), { rate: AUDIO, every: 20, delay: (sent) => 20 + 50 * noise(sent) });
    let before = send(audio, 0).time;
    for (let sent = 20; sent < 120_000; sent += 20) {
      const { time } = send(audio, sent);
      // What the first packet was late by is made good at 5 ms per second at most.
      expect(Math.abs(time - before - 20), `at ${sent}`).toBeLessThan(sent < 60_000 ? 0.12 : 0.01);
      if (sent > 60_000) expect(Math.abs(time - (1020 + sent))).toBeLessThan(2);
      before = time;
    }
  });

  it.each([200, -200, 400])('follows a sender whose clock is off by %i ppm', (ppm) => {
    const video = sender(new LipSync(), { ppm, delay: (sent) => 20 + 10 * noise(sent) });
    let before = send(video, 0).time;
    let [worst, roughest] = [0, 0];
    for (let sent = 33; sent < 4 * 3_600_000; sent += 33) {
      const { time } = send(video, sent);
      const step = time - before;
      if (sent > 60_000) {
        worst = Math.max(worst, Math.abs(time - (1020 + sent)));
        roughest = Math.max(roughest, Math.abs(step - 33));
      }
      before = time;
    }
    expect(worst).toBeLessThan(ppm === 400 ? 9 : 5);
    // Drift is 0.0066 ms from packet to packet, and the correction as much.
    expect(roughest).toBeLessThan(0.03);
  });

  it('goes on after a silence, if RTP time did', () => {
    const audio = sender(new LipSync(), { rate: AUDIO });
    for (let sent = 0; sent < 5000; sent += 20) send(audio, sent);
    expect(send(audio, 600_000).time).toBeCloseTo(601_020, 3);
    expect(send(audio, 600_020).time).toBeCloseTo(601_040, 3);
  });

  it.each([
    ['forward', 3_000_000],
    ['back', -3_000_000],
    ['anywhere', 0x7fff0000],
  ])('begins anew where RTP time jumps %s', (_, jump) => {
    const video = sender(new LipSync());
    for (let sent = 0; sent < 3000; sent += 33) send(video, sent);
    video.first += jump;
    for (let sent = 3003; sent < 6000; sent += 33) expect(send(video, sent).time).toBeCloseTo(1020 + sent, 3);
  });

  it('begins anew a second after RTP time stood still', () => {
    const video = sender(new LipSync());
    for (let sent = 0; sent < 3000; sent += 33) send(video, sent);
    video.first -= 5 * VIDEO;
    // As if the sender had been stopped for 5 s: arrival goes on.
    video.delay = () => 20;
    let last = { arrival: 0, time: 0 };
    const stopped = { ...video, first: video.first + 5 * VIDEO };
    for (let sent = 3003; sent < 5000; sent += 33) {
      const timestamp = rtpTime(stopped, sent) >>> 0;
      const arrival = 6020 + sent;
      video.clock.observe(timestamp, VIDEO, arrival);
      last = { arrival, time: video.clock.map(timestamp, arrival) };
    }
    expect(last.time).toBeCloseTo(last.arrival, 3);
  });

  it('waits for a network that catches up after an outage', () => {
    // Nothing for 4 s, then what was sent meanwhile within 1.6 s.
    const delay = (sent: number): number => (sent < 3000 || sent > 8600 ? 20 : sent < 7000 ? 20 + (7000 - sent) + (sent - 3000) * 0.4 : 20 + (8600 - sent));
    const video = sender(new LipSync(), { delay });
    for (let sent = 0; sent < 12_000; sent += 33) expect(send(video, sent).time, `at ${sent}`).toBeCloseTo(1020 + sent, 0);
  });

  it('keeps every time near its arrival, whatever comes', () => {
    const packet = fc.record({ kind: fc.constantFrom('packet', 'report'), track: fc.nat(1), timestamp: fc.nat(0xffffffff), ntp: fc.maxSafeNat(), wait: fc.nat(2000), rate: fc.constantFrom(8000, 90_000) });
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 100 }), (packets) => {
        const sync = new LipSync();
        const clocks = [sync.addTrack(), sync.addTrack()] as const;
        let now = 0;
        for (const { kind, track, timestamp, ntp, wait, rate } of packets) {
          now += wait;
          const clock = clocks[track] as TrackClock;
          if (kind === 'report') sync.report(clock, ntp, timestamp, now);
          else {
            clock.observe(timestamp, rate, now);
            expect(Math.abs(clock.map(timestamp, now) - now)).toBeLessThanOrEqual(10_000);
          }
        }
      }),
    );
  });
});

describe('lip sync', () => {
  /** Audio comes at once, video 80 ms later. */
  function both(): { sync: LipSync; audio: Sender; video: Sender; run: (from: number, to: number, reports?: number) => { audio: number[]; video: number[] } } {
    const sync = new LipSync();
    const audio = sender(sync, { rate: AUDIO, every: 20, first: 12_345 });
    const video = sender(sync, { every: 40, delay: () => 100 });
    const run = (from: number, to: number, reports: number | null = null): { audio: number[]; video: number[] } => {
      const times = { audio: [] as number[], video: [] as number[] };
      for (let sent = from; sent < to; sent += 20) {
        times.audio.push(send(audio, sent).time - sent);
        if (sent % 40 === 0) times.video.push(send(video, sent).time - sent);
        if (reports !== null && sent % reports === 0) report(sync, audio, sent);
        if (reports !== null && sent % reports === 20) report(sync, video, sent);
      }
      return times;
    };
    return { sync, audio, video, run };
  }

  it('puts together what was sampled together, by one step forward', () => {
    const { sync, audio, video, run } = both();
    const before = run(0, 2000);
    expect([before.audio.at(-1), before.video.at(-1)]).toEqual([expect.closeTo(1020, 3), expect.closeTo(1100, 3)]);
    report(sync, video, 1990);
    expect(run(2000, 2100).audio.at(-1)).toBeCloseTo(1020, 3);
    report(sync, audio, 2090);
    const after = run(2120, 4120);
    for (const time of [...after.audio, ...after.video]) expect(time).toBeCloseTo(1100, 1);
  });

  it('keeps them together over hours, though the clocks of sender, camera, sound card and ours differ', () => {
    const { audio, video, run } = both();
    audio.ppm = 120;
    video.ppm = -80;
    run(0, 60_000, 2000);
    const times = run(60_000, 7_200_000, 2000);
    const [apart, off] = times.video.reduce(([most, far], time, i) => [Math.max(most, Math.abs(time - (times.audio[2 * i] as number))), Math.max(far, Math.abs(time - 1100))], [0, 0]);
    expect(apart).toBeLessThan(7);
    expect(off).toBeLessThan(8);
  });

  it('does not show that reports are inexact', () => {
    const { sync, audio, video, run } = both();
    let last = NaN;
    expect.hasAssertions();
    for (let second = 0; second < 60; second += 1) {
      const { audio: times } = run(second * 1000, second * 1000 + 1000);
      if (second > 2) for (const time of times) expect(Math.abs(time - last)).toBeLessThan(0.2);
      if (second > 1) last = times.at(-1) as number;
      report(sync, audio, second * 1000 + 990, NTP + 6 * noise(second));
      report(sync, video, second * 1000 + 990, NTP + 6 * noise(second + 0.5));
    }
  });

  it.each<[string, number, number]>([
    ['without a clock', -990, -990],
    ['that have nothing to do with each other', NTP, NTP + 20_000],
  ])('ignores reports %s', (_, ofAudio, ofVideo) => {
    const { sync, audio, video, run } = both();
    run(0, 1000);
    report(sync, audio, 990, ofAudio);
    report(sync, video, 990, ofVideo);
    const after = run(1000, 2000);
    expect([after.audio.at(-1), after.video.at(-1)]).toEqual([expect.closeTo(1020, 3), expect.closeTo(1100, 3)]);
  });

  it.each([
    ['of both tracks run at twice the time', 2, 2],
    ['of one do', 2, 1],
    ['of one stand still', 1, 0],
  ])('is left as it arrives where the reports %s', (_, ofAudio, ofVideo) => {
    const { sync, audio, video, run } = both();
    for (let second = 0; second < 30; second += 1) {
      run(second * 1000, second * 1000 + 1000);
      const at = second * 1000 + 990;
      sync.report(audio.clock, NTP + at, rtpTime(audio, 990 + second * 1000 * ofAudio), 1000 + at + 20);
      sync.report(video.clock, NTP + at, rtpTime(video, 990 + second * 1000 * ofVideo), 1000 + at + 20);
    }
    const after = run(30_000, 40_000);
    // At first they may have been put together, by 80 ms, as was right.
    expect((after.audio.at(-1) as number) - 1020).toBeGreaterThan(-1);
    expect((after.audio.at(-1) as number) - 1020).toBeLessThan(81);
    expect(after.video.at(-1)).toBeCloseTo(1100, 0);
  });

  it('believes two reports that agree of tracks far apart, not one', () => {
    const sync = new LipSync();
    const audio = sender(sync, { rate: AUDIO, every: 20 });
    const video = sender(sync, { every: 40, delay: () => 600 });
    const run = (from: number, to: number): number => {
      let last = 0;
      for (let sent = from; sent < to; sent += 40) {
        send(video, sent);
        last = send(audio, sent).time - sent;
      }
      return last;
    };
    run(0, 1000);
    report(sync, audio, 1000);
    report(sync, video, 1000);
    expect(run(1040, 2000)).toBeLessThan(1100);
    report(sync, audio, 2000);
    report(sync, video, 2000);
    expect(run(2040, 3000)).toBeCloseTo(1600, 0);
  });

  it('ignores a report of an RTP time that is far off', () => {
    const { sync, audio, video, run } = both();
    run(0, 1000);
    sync.report(audio.clock, NTP + 990, (rtpTime(audio, 990) + 11 * AUDIO) >>> 0, 2010);
    report(sync, video, 990);
    expect(run(1000, 2000).audio.at(-1)).toBeCloseTo(1020, 3);
  });

  it('does not move when the sender sets its wall clock', () => {
    const { sync, audio, video, run } = both();
    run(0, 10_000, 1000);
    for (const moved of [3_600_000, -40_000, 2000]) {
      report(sync, audio, 9990, NTP + moved);
      report(sync, video, 9990, NTP + moved);
    }
    const after = run(10_000, 20_000);
    for (const time of [...after.audio, ...after.video]) expect(time).toBeCloseTo(1100, 1);
  });

  it('keeps a track in its place when another source or clock takes over', () => {
    const { audio, video, run } = both();
    run(0, 10_000, 1000);
    audio.clock.reset();
    audio.first = 777;
    expect(run(10_000, 10_100).audio.at(-1)).toBeCloseTo(1100, 0);
    video.first += 1_000_000;
    expect(run(10_120, 10_200).video.at(-1)).toBeCloseTo(1100, 0);
    const after = run(10_200, 20_000, 1000);
    expect((after.audio.at(-1) as number) - (after.video.at(-1) as number)).toBeCloseTo(0, 2);
  });

  it('mends within seconds what a track that stood still is behind by', () => {
    const { video, run } = both();
    run(0, 10_000, 1000);
    // Its camera stopped for 300 ms, and RTP time with it.
    video.first -= 0.3 * VIDEO;
    const stopped = run(10_000, 40_000, 1000);
    expect(Math.abs((stopped.audio.at(-1) as number) - (stopped.video.at(-1) as number))).toBeLessThan(6);
  });
});
