import { describe, expect, it } from 'vitest';
import {
  AUDIO,
  receiver,
  rtp,
  rtx,
  running,
  senderReport,
  SETTINGS,
  VIDEO,
  VIDEO_SSRC,
} from '../../../test/support/rtp.js';
import { RtpReceiver } from './receiver.js';
import type { RtpFormat } from './types.js';

interface Datagram {
  packet: Buffer;
  isRtcp?: boolean;
  /** When it came, on the clock of the heads, us. */
  at: number;
}

/** As the thread of the sockets makes it (libs/webrtc/native/transport.c). */
const batchOf = (datagrams: Datagram[]): Buffer =>
  Buffer.concat(
    datagrams.flatMap(({ packet, isRtcp = false, at }) => {
      const head = Buffer.alloc(8);
      head.writeUInt16BE(packet.length, 0);
      head.writeUInt16BE(isRtcp ? 1 : 0, 2);
      head.writeUInt32BE(at >>> 0, 4);
      return [head, packet];
    }),
  );
const silent = { onPacket: () => undefined, onLost: () => undefined, send: () => undefined };

describe('a batch', () => {
  it.each([
    ['', 5_000_000],
    [', over the end of the clock', 2 ** 32 - 15_000],
  ])('is taken as its packets are, each at its time, and what is due is done%s', (_, clock) => {
    const [one, all] = [receiver(), receiver()];
    const datagrams = [
      { packet: rtp({ sequence: 1, timestamp: 0, transport: 1 }), at: clock },
      { packet: rtp({ sequence: 2, timestamp: 900, transport: 2 }), at: clock + 12_000 },
      { packet: rtp({ sequence: 5, timestamp: 1800, transport: 5 }), at: clock + 20_000 },
      { packet: senderReport(VIDEO_SSRC, 3.9e9, 1800), isRtcp: true, at: clock + 21_000 },
      { packet: rtx(4, 1, { timestamp: 1700 }), at: clock + 22_000 },
    ];
    for (const now of [1030, 1230]) {
      for (const { packet, isRtcp, at } of datagrams) {
        const arrival = now - (clock + 30_000 - at) / 1000;
        if (isRtcp) one.receiver.rtcp(packet, arrival);
        else one.receiver.rtp(packet, arrival, now);
      }
      one.receiver.work(now);
      all.receiver.batch(batchOf(datagrams), now, (clock + 30_000) >>> 0);
      expect(all.out).toEqual(one.out);
      expect(all.lost).toEqual(one.lost);
      expect(all.sent.map(({ types }) => types)).toEqual(one.sent.map(({ types }) => types));
      expect([all.receiver.figures(), all.receiver.deadline]).toEqual([one.receiver.figures(), one.receiver.deadline]);
    }
    expect(all.out.map(({ packet }) => packet.sequence)).toEqual([1, 2]);
    expect(all.feedback('205/15').length).toBeGreaterThan(0);
    expect(all.feedback('205/1').length).toBeGreaterThan(0);
  });

  it('whose packets came later than it says came now', () => {
    const { receiver: made } = receiver();
    made.batch(batchOf([{ packet: rtp({}), at: 2000 }]), 1000, 1000);
    expect(made.figures().lastArrival).toBe(1000);
  });

  it('may be cut off, or empty', () => {
    const { receiver: made, out } = receiver();
    const whole = batchOf([1, 2, 3, 4].map((sequence) => ({ packet: rtp({ sequence }), at: 0 })));
    made.batch(whole.subarray(0, -1), 1000, 0);
    made.batch(Buffer.alloc(0), 1000, 0);
    expect(out.map(({ packet }) => packet.sequence)).toEqual([1, 2, 3]);
  });
});

describe('what is no receiver, packet or time', () => {
  it('is refused', () => {
    const { receiver: made } = receiver();
    expect(() => made.rtp('text' as unknown as Buffer, 0, 0)).toThrow(TypeError);
    for (const time of [NaN, Infinity, 1e16]) expect(() => made.work(time)).toThrow(TypeError);
    expect(() => RtpReceiver.prototype.work.call({ handle: {} } as never, 0)).toThrow(TypeError);
  });

  it.each<[string, RtpFormat[]]>([
    ['sections', Array.from({ length: 9 }, (_, i) => ({ ...AUDIO, mid: `${i}` }))],
    ['formats', Array.from({ length: 33 }, () => VIDEO)],
    ['characters of an id', [{ ...AUDIO, mid: 'x'.repeat(256) }]],
  ])('nor more %s than a session has', (_, formats) => {
    expect(() => new RtpReceiver(formats, SETTINGS, silent)).toThrow(RangeError);
    expect(() => new RtpReceiver(formats.slice(1), SETTINGS, silent)).not.toThrow();
  });

  it('nor a clock that stands', () => {
    expect(() => new RtpReceiver([{ ...AUDIO, clockRate: 0 }], SETTINGS, silent)).toThrow('clock rate');
  });
});

it.each([
  ['what waits for another packet', true],
  ['the first packets', false],
])('forgets %s when it is cleared, and may go on', (_, hasBegun) => {
  const made = hasBegun ? running() : receiver({ settings: { transportCcExtension: null } });
  for (const sequence of [6, 8]) made.push(rtp({ sequence }), 1050);
  made.push(rtp({ ssrc: 9, sequence: 500 }), 1051);
  const before = made.out.length;
  made.receiver.clear();
  made.receiver.clear();
  made.receiver.work(5000);
  expect([made.out.length, made.lost, made.receiver.kept.packets]).toEqual([before, [], 0]);
  for (const sequence of [9, 10, 11, 8]) made.push(rtp({ sequence }), 5000);
  expect(made.sequences().slice(before)).toEqual([9, 10, 11]);
});
