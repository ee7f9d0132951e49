import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LipSync, type TrackClock } from '../../../test/support/rtp-parts.js';
import { AUDIO, noise, rtpTime, send, sender, VIDEO } from '../../../test/support/rtp-senders.js';

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
    const delay = (sent: number): number =>
      sent < 3000 || sent > 8600 ? 20 : sent < 7000 ? 20 + (7000 - sent) + (sent - 3000) * 0.4 : 20 + (8600 - sent);
    const video = sender(new LipSync(), { delay });
    for (let sent = 0; sent < 12_000; sent += 33)
      expect(send(video, sent).time, `at ${sent}`).toBeCloseTo(1020 + sent, 0);
  });

  it('keeps every time near its arrival, whatever comes', () => {
    const packet = fc.record({
      kind: fc.constantFrom('packet', 'report'),
      track: fc.nat(1),
      timestamp: fc.nat(0xffffffff),
      ntp: fc.maxSafeNat(),
      wait: fc.nat(2000),
      rate: fc.constantFrom(8000, 90_000),
    });
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
