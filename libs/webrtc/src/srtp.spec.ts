// SRTP of a session (libs/webrtc/native/srtp.c, replay.c), before a sender that is written a second time, in TypeScript.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { testSrtp } from '../../../test/support/test-srtp.js';
import { SRTP_PROFILES, type SrtpProfile, SrtpSender } from '../../../tools/lib/fuzz/srtp.js';

/** REPLAY_WINDOW and SRTP_MAX_SOURCES of the native side. */
const WINDOW = 4096;
const MAX_SOURCES = 16;
const MAX_RTCP_INDEX = 0x7fff_ffff;

const masterOf = ({ keyBytes, saltBytes }: SrtpProfile, from: number): Buffer =>
  Buffer.from(Array.from({ length: keyBytes + saltBytes }, (_, i) => (from + 7 * i) % 256));

interface RtpFields {
  ssrc?: number;
  csrcs?: number;
  extension?: Buffer | null;
  payload?: Buffer;
}

function rtp(
  seq: number,
  { ssrc = 5, csrcs = 0, extension = null, payload = Buffer.from(`picture ${seq}`) }: RtpFields = {},
): Buffer {
  const head = Buffer.alloc(12 + 4 * csrcs, 0xcc);
  head.writeUInt8(0x80 | csrcs | (extension ? 0x10 : 0));
  head.writeUInt8(96, 1);
  head.writeUInt16BE(seq % 65_536, 2);
  head.writeUInt32BE(ssrc, 8);
  if (extension === null) return Buffer.concat([head, payload]);
  const profile = Buffer.from([0xbe, 0xde, 0, extension.length / 4]);
  return Buffer.concat([head, profile, extension, payload]);
}

const rtcp = (ssrc = 5, words = 6): Buffer =>
  Buffer.from([0x80, 200, 0, words + 1, 0, 0, 0, ssrc, ...Array.from({ length: 4 * words }, (_, i) => i)]);

function flip(packet: Buffer, at: number): Buffer {
  const copy = Buffer.from(packet);
  copy[at] = (copy[at] as number) ^ 1;
  return copy;
}

describe.each(SRTP_PROFILES)('$name', (profile) => {
  function session() {
    const [theirs, ours] = [masterOf(profile, 1), masterOf(profile, 101)];
    const srtp = testSrtp.open(profile.id, theirs, ours);
    return {
      srtp,
      sender: new SrtpSender(theirs, profile),
      /** What we send, made by the other implementation. */
      mirror: new SrtpSender(ours, profile),
      rtp: (packet: Buffer) => testSrtp.unprotect(srtp, packet, false),
      rtcp: (packet: Buffer) => testSrtp.unprotect(srtp, packet, true),
    };
  }

  it.each<[string, RtpFields]>([
    ['a plain header', {}],
    ['contributing sources', { csrcs: 15 }],
    ['an extension', { extension: Buffer.from([0x10, 1, 0x20, 2, 0, 0, 0, 0]) }],
    ['both', { csrcs: 2, extension: Buffer.alloc(4) }],
    ['an empty extension', { extension: Buffer.alloc(0) }],
    ['no payload', { payload: Buffer.alloc(0) }],
    ['a large payload', { payload: Buffer.alloc(1200, 7) }],
  ])('takes RTP with %s', (_, fields) => {
    const { sender, rtp: take } = session();
    const packet = rtp(3, fields);
    expect(take(sender.rtp(packet))).toEqual(packet);
  });

  it('takes RTCP, encrypted or only signed, and makes what the other implementation makes', () => {
    const { srtp, sender, mirror, rtcp: take } = session();
    expect(take(sender.rtcp(rtcp()))).toEqual(rtcp());
    expect(take(sender.rtcp(rtcp(), { isPlain: true }))).toEqual(rtcp());
    expect(take(sender.rtcp(rtcp(5, 0)))).toEqual(rtcp(5, 0));
    for (const packet of [rtcp(1), rtcp(2), rtcp(1, 0)])
      expect(testSrtp.protectRtcp(srtp, packet)).toEqual(mirror.rtcp(packet));
  });

  it('believes nothing that is changed, cut or longer, and no state comes of it', () => {
    const { sender, rtp: take, rtcp: takeRtcp } = session();
    const [media, report] = [sender.rtp(rtp(1000, { csrcs: 1, extension: Buffer.alloc(4) })), sender.rtcp(rtcp())];
    for (let at = 0; at < media.length; at += 1) expect(take(flip(media, at)), `bit of byte ${at}`).toBeNull();
    for (let at = 0; at < report.length; at += 1) expect(takeRtcp(flip(report, at)), `bit of byte ${at}`).toBeNull();
    for (let length = 0; length < media.length; length += 1) expect(take(media.subarray(0, length))).toBeNull();
    for (let length = 0; length < report.length; length += 1) expect(takeRtcp(report.subarray(0, length))).toBeNull();
    for (const packet of [media, report]) expect(take(Buffer.concat([packet, Buffer.alloc(1)]))).toBeNull();
    expect(take(media)).not.toBeNull();
    expect(takeRtcp(report)).not.toBeNull();
  });

  it('takes nothing of other keys, and no RTCP as RTP', () => {
    const { rtp: take, rtcp: takeRtcp, sender } = session();
    const other = new SrtpSender(masterOf(profile, 2), profile);
    expect(take(other.rtp(rtp(1)))).toBeNull();
    expect(takeRtcp(other.rtcp(rtcp()))).toBeNull();
    expect(take(sender.rtcp(rtcp()))).toBeNull();
  });

  it('takes a packet once, however late it comes again', () => {
    const { sender, rtp: take, rtcp: takeRtcp } = session();
    const packets = Array.from({ length: 300 }, (_, i) => sender.rtp(rtp(65_400 + i)));
    for (const packet of packets) expect(take(packet)).not.toBeNull();
    for (const packet of packets) expect(take(packet)).toBeNull();
    const reports = Array.from({ length: 5 }, () => sender.rtcp(rtcp()));
    for (const report of [4, 2, 3, 0, 1]) expect(takeRtcp(reports[report] as Buffer)).not.toBeNull();
    for (const report of reports) expect(takeRtcp(report)).toBeNull();
  });

  it.each([
    ['as far behind as a retransmission may be', WINDOW - 1, true],
    ['one further', WINDOW, false],
    ['much further', 3 * WINDOW, false],
  ])('a packet that is late: %s', (_, behind, isTaken) => {
    for (const top of [20_000, 65_536 + 100, 65_536 + 20_000]) {
      const { sender, rtp: take } = session();
      const late = top - behind;
      // Enough of those before for the roll-over to be known.
      const seqs = Array.from({ length: (3 * WINDOW) / 64 + 1 }, (_, i) => top - 3 * WINDOW + 64 * i);
      const made = new Map([...seqs, late].toSorted((a, b) => a - b).map((seq) => [seq, sender.rtp(rtp(seq))]));
      for (const [seq, packet] of made) if (seq !== late) expect(take(packet), `${seq}`).not.toBeNull();
      expect(take(made.get(late) as Buffer) !== null, `top ${top}`).toBe(isTaken);
    }
  });

  it('counts roll-overs by itself, with losses and changes of order around them', () => {
    const { sender, rtp: take } = session();
    for (let round = 0; round < 3; round += 1) {
      const from = 65_536 * round + (round === 0 ? 30_000 : 1000);
      for (let seq = from; seq < 65_536 * (round + 1) - 20; seq += 1000)
        expect(take(sender.rtp(rtp(seq)))).not.toBeNull();
      const around = Array.from({ length: 40 }, (_, i) => sender.rtp(rtp(65_536 * (round + 1) - 20 + i)));
      const order = [1, 0, 3, 22, 2, 18, 21, 19, 5, 30, 4, 39, 20];
      for (const at of order) expect(take(around[at] as Buffer), `${round} ${at}`).not.toBeNull();
      for (const at of order) expect(take(around[at] as Buffer), `${round} ${at} again`).toBeNull();
    }
  });

  it('a packet of before the first of its source is refused where its turn is not known', () => {
    const { sender, rtp: take } = session();
    const [late, first] = [sender.rtp(rtp(65_530)), new SrtpSender(masterOf(profile, 1), profile).rtp(rtp(3))];
    expect(take(first)).not.toBeNull();
    expect(take(late)).toBeNull();
  });

  it('sources do not disturb each other', () => {
    const { sender, rtp: take, rtcp: takeRtcp } = session();
    for (let i = 0; i < 200; i += 1) {
      expect(take(sender.rtp(rtp(65_500 + i, { ssrc: 1 })))).not.toBeNull();
      expect(take(sender.rtp(rtp(7 + i, { ssrc: 2 })))).not.toBeNull();
      expect(takeRtcp(sender.rtcp(rtcp((i % 2) + 1)))).not.toBeNull();
    }
  });

  it('keeps the state of a bounded number of sources, of those that are heard', () => {
    const { sender, rtp: take } = session();
    const heard = (seq: number) => sender.rtp(rtp(seq, { ssrc: 1 }));
    const old = [heard(65_535), heard(65_536)];
    for (const packet of old) expect(take(packet)).not.toBeNull();
    for (let ssrc = 100; ssrc < 100 + 4 * MAX_SOURCES; ssrc += 1) {
      expect(take(sender.rtp(rtp(1, { ssrc })))).not.toBeNull();
      // Others' packets take no place.
      expect(take(new SrtpSender(masterOf(profile, 2), profile).rtp(rtp(1, { ssrc: 1000 + ssrc })))).toBeNull();
      // Nobody would know its roll-over if it had been forgotten.
      expect(take(heard(65_437 + ssrc))).not.toBeNull();
    }
    for (const packet of old) expect(take(packet)).toBeNull();
  });

  it('protects no more RTCP packets than a key may', () => {
    const { srtp, rtcp: take, sender } = session();
    testSrtp.setRtcpIndex(srtp, MAX_RTCP_INDEX - 1);
    expect(testSrtp.protectRtcp(srtp, rtcp())?.length).toBe(rtcp().length + 4 + profile.tagBytes);
    expect(testSrtp.protectRtcp(srtp, rtcp())).toBeNull();
    expect(testSrtp.protectRtcp(srtp, Buffer.alloc(7))).toBeNull();
    expect(take(sender.rtcp(rtcp(), { index: MAX_RTCP_INDEX }))).toEqual(rtcp());
    expect(take(sender.rtcp(rtcp(), { index: MAX_RTCP_INDEX - WINDOW }))).toBeNull();
  });

  it('whatever comes, it goes on', () => {
    const { sender, rtp: take, rtcp: takeRtcp } = session();
    const bytes = fc.uint8Array({ maxLength: 80 }).map((array) => Buffer.from(array));
    fc.assert(
      fc.property(bytes, (packet) => take(packet) === null && takeRtcp(packet) === null),
      { numRuns: 2000, seed: 20_261_130 },
    );
    // Right keys, and a header that may claim more than there is.
    const headed = fc.tuple(fc.uint8Array({ minLength: 12, maxLength: 80 }), fc.nat({ max: 31 }));
    fc.assert(
      fc.property(headed, ([array, first]) => {
        const packet = Buffer.from(array);
        packet[0] = 0x80 | first;
        const taken = take(sender.rtp(packet));
        return taken === null || taken.equals(packet);
      }),
      { numRuns: 2000, seed: 20_261_130 },
    );
    expect(take(sender.rtp(rtp(1, { ssrc: 0x0102_0304 })))).not.toBeNull();
  });
});
