// The receiver on networks that lose, and before publishers that mean no good.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bye, receiver, rtp, rtx, senderReport } from '../../../test/support/rtp.js';

/** What a publisher's answer to a request takes from it: 16 bits each. */
const asked = (nack: Buffer): number[] => {
  const sequences: number[] = [];
  for (let at = 12; at < nack.length; at += 4) {
    const [first, mask] = [nack.readUInt16BE(at), nack.readUInt16BE(at + 2)];
    sequences.push(
      first,
      ...Array.from({ length: 16 }, (_, i) => (mask & (1 << i) ? (first + i + 1) & 0xffff : -1)).filter(
        (sequence) => sequence >= 0,
      ),
    );
  }
  return sequences;
};

/** 20 s of video through a network that takes `oneWay` ms, more or less, and loses a share of all that it carries, in either direction. */
function overNetwork(loss: number, oneWay: number, seed: number): ReturnType<typeof receiver> & { count: number } {
  const made = receiver();
  let state = seed;
  const random = (): number => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
  const underway: { at: number; packet: Buffer }[] = [];
  const send = (packet: Buffer, at: number): void => {
    if (random() >= loss) underway.push({ at: at + oneWay + 8 * random(), packet });
  };
  const count = 20 * 200;
  let [transport, own, answeredUpTo] = [0, 0, 0];
  for (let now = 0; now < 22_000; now += 5) {
    const sent = now / 5;
    if (sent < count)
      send(
        rtp({
          sequence: 60_000 + sent,
          timestamp: 3000 * Math.floor(sent / 7),
          transport: (transport = (transport + 1) & 0xffff),
        }),
        now,
      );
    const due = underway.filter(({ at }) => at <= now).toSorted((a, b) => a.at - b.at);
    underway.splice(0, underway.length, ...underway.filter(({ at }) => at > now));
    for (const { packet } of due) made.push(packet, now);
    made.receiver.work(now);
    const nacks = made.feedback('205/1');
    for (const nack of nacks.slice(answeredUpTo)) {
      for (const sequence of random() < loss ? [] : asked(nack))
        send(
          rtx(sequence, (own += 1), {
            timestamp: 3000 * Math.floor(((sequence - 60_000) & 0xffff) / 7),
            transport: (transport = (transport + 1) & 0xffff),
          }),
          now + oneWay,
        );
    }
    answeredUpTo = nacks.length;
  }
  return { ...made, count };
}

describe('a network', () => {
  it.each([
    ['without losses', 0, 20],
    ['that loses 2 %', 0.02, 20],
    ['that loses 10 %', 0.1, 25],
    ['that loses 5 % on a long way', 0.05, 75],
  ])('%s delivers everything, in order, once', (_, loss, oneWay) => {
    for (const seed of [1, 2, 3]) {
      const { receiver: made, sequences, lost, count } = overNetwork(loss, oneWay, seed);
      const delivered = sequences();
      const gone = lost.reduce((sum, [, number]) => sum + number, 0);
      // The last ones may be lost unnoticed, the very first have nothing before them, and a long way leaves time for two requests.
      expect(count - delivered.length - gone).toBeLessThanOrEqual(3);
      expect(gone).toBeLessThanOrEqual(oneWay > 50 ? 10 : 2);
      const steps = delivered.map((sequence, i) => (i === 0 ? 1 : (sequence - (delivered[i - 1] as number)) & 0xffff));
      expect(steps.every((step) => step >= 1 && step <= 1 + gone)).toBe(true);
      expect(new Set(delivered).size).toBe(delivered.length);
      const { roundTripMs, packetsLost } = made.figures();
      if (loss === 0) expect([roundTripMs, packetsLost]).toEqual([null, 0]);
      else {
        expect(roundTripMs).toBeGreaterThan(2 * oneWay - 1);
        expect(roundTripMs).toBeLessThan(2 * oneWay + 25);
        expect(packetsLost / count).toBeCloseTo(loss, 1);
      }
    }
  });
});

describe('a hostile publisher', () => {
  const packet = fc.record({
    payloadType: fc.constantFrom(96, 97, 111),
    sequence: fc.oneof(fc.nat(20), fc.nat(0xffff)),
    timestamp: fc.oneof(fc.nat(1_000_000), fc.nat(0xffffffff)),
    ssrc: fc.oneof(fc.constantFrom(1, 2), fc.nat(0xffffffff)),
    mid: fc.constantFrom(undefined, '0', '1', 'x'),
    transport: fc.option(fc.nat(0xffff), { nil: undefined }),
    payload: fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
  });
  const report = fc
    .tuple(fc.constantFrom(1, 2), fc.nat(0xffffffff), fc.nat(0xffffffff))
    .map(([ssrc, seconds, timestamp]) => senderReport(ssrc, seconds, timestamp));
  const message = fc.oneof(
    packet.map((fields) => ({ rtp: rtp(fields) })),
    fc.tuple(packet, fc.nat(40), fc.nat(255)).map(([fields, at, byte]) => {
      const bytes = rtp(fields);
      bytes[at % bytes.length] = byte;
      return { rtp: bytes };
    }),
    fc.uint8Array({ maxLength: 60 }).map((bytes) => ({ rtp: Buffer.from(bytes) })),
    fc.uint8Array({ maxLength: 60 }).map((bytes) => ({ rtcp: Buffer.from(bytes) })),
    fc.oneof(report, fc.constantFrom(bye(1), bye(2))).map((bytes) => ({ rtcp: bytes })),
  );

  it('breaks nothing, and every packet has its place and a time near its arrival', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(message, fc.nat(300)), { maxLength: 150 }),
        fc.boolean(),
        (messages, reducedSize) => {
          const { receiver: made, push, out, sent } = receiver({ settings: { reducedSize } });
          let now = 1000;
          for (const [each, wait] of messages) {
            now += wait;
            const before = out.length;
            if ('rtp' in each) push(each.rtp, now);
            else made.rtcp(each.rtcp, now);
            made.work(now);
            for (const { packet: given } of out.slice(before)) expect(Math.abs(given.time - now)).toBeLessThan(11_000);
            const figures = made.figures();
            for (const figure of Object.values(figures)) expect(figure === null || Number.isFinite(figure)).toBe(true);
          }
          for (const { packets } of sent)
            expect(packets.reduce((sum, { length }) => sum + length, 0)).toBeLessThan(1250);
        },
      ),
      { numRuns: 300 },
    );
  });
});
