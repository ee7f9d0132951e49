import { describe, expect, it } from 'vitest';
import { LipSync } from '../../../test/support/rtp-parts.js';
import {
  AUDIO,
  noise,
  NTP,
  report,
  rtpTime,
  send,
  type Sender,
  sender,
  VIDEO,
} from '../../../test/support/rtp-senders.js';

describe('lip sync', () => {
  /** Audio comes at once, video 80 ms later. */
  function both(): {
    sync: LipSync;
    audio: Sender;
    video: Sender;
    run: (from: number, to: number, reports?: number) => { audio: number[]; video: number[] };
  } {
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
    const [apart, off] = times.video.reduce(
      ([most, far], time, i) => [
        Math.max(most, Math.abs(time - (times.audio[2 * i] as number))),
        Math.max(far, Math.abs(time - 1100)),
      ],
      [0, 0],
    );
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
