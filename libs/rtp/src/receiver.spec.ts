import { describe, expect, it } from 'vitest';
import { RtpReceiver } from './receiver.js';
import {
  AUDIO,
  AUDIO_SSRC,
  bye,
  type Fields,
  receiver,
  rtp,
  rtx,
  RTX_SSRC,
  running,
  senderReport,
  SETTINGS,
  VIDEO,
  VIDEO_SSRC,
} from '../../../test/support/rtp.js';
import { compactNtp } from '../../../test/support/rtp-parts.js';

describe('packets', () => {
  it('come out in order, without what is around their payload, to be kept', () => {
    const { out, push } = receiver();
    push(rtp({ sequence: 0xffff, timestamp: 90, mid: '1', transport: 1, payload: 'one' }), 1000);
    push(rtp({ sequence: 1, timestamp: 3090, marker: true, transport: 3, payload: 'three' }), 1034);
    push(rtp({ sequence: 0, timestamp: 90, transport: 2, payload: 'two' }), 1034);
    expect(
      out.map(({ packet }) => ({
        ...packet,
        payload: String(packet.payload),
        time: Math.round(packet.time * 10) / 10,
      })),
    ).toEqual([
      { sequence: 0xffff, timestamp: 90, marker: false, payload: 'one', time: 1000 },
      { sequence: 0, timestamp: 90, marker: false, payload: 'two', time: 1000 },
      { sequence: 1, timestamp: 3090, marker: true, payload: 'three', time: 1033.3 },
    ]);
  });

  it.each<[string, Fields, string[]]>([
    ['by their payload type', { payloadType: 111 }, ['audio']],
    ['by the section they name', { payloadType: 100, mid: 'b' }, ['other']],
    ['to none that does not take them', { payloadType: 111, mid: '1' }, []],
    ['to none for an unknown section', { mid: 'x' }, []],
    ['to none for an unknown payload type', { payloadType: 98 }, []],
  ])('belong to a track %s', (_, fields, kinds) => {
    const formats = [
      AUDIO,
      VIDEO,
      { ...AUDIO, payloadType: 100, mid: 'a' },
      { ...VIDEO, payloadType: 100, mid: 'b', codec: 'VP8' },
    ];
    const seen: string[] = [];
    const made = new RtpReceiver(formats, SETTINGS, {
      onPacket: ({ mid, kind }) => seen.push(mid === 'b' ? 'other' : kind),
      onLost: () => undefined,
      send: () => undefined,
    });
    for (const sequence of [1, 2, 3]) made.rtp(rtp({ ...fields, sequence, ssrc: 7 }), 1000, 1000);
    // A source that has said where it belongs need not say it again.
    if (seen.length > 0) made.rtp(rtp({ ...fields, mid: undefined, sequence: 4, ssrc: 7 }), 1000, 1000);
    expect(seen).toEqual(Array.from({ length: 4 }, () => kinds).flat());
  });

  it('may be of several formats of one section', () => {
    const codecs: string[] = [];
    const made = new RtpReceiver(
      [VIDEO, { ...VIDEO, payloadType: 102, rtxPayloadType: null, codec: 'VP8' }],
      SETTINGS,
      { onPacket: ({ codec }) => codecs.push(codec), onLost: () => undefined, send: () => undefined },
    );
    [96, 96, 102, 102, 96].forEach((payloadType, sequence) => made.rtp(rtp({ payloadType, sequence }), 1000, 1000));
    expect(codecs).toEqual(['H264', 'H264', 'VP8', 'VP8', 'H264']);
  });

  it('that only probe the bandwidth keep their place', () => {
    const { out, push } = running();
    const probe = rtp({ sequence: 4, payload: Buffer.from([0, 0, 3]) });
    probe.writeUInt8(0xa0, 0);
    push(probe, 1040);
    push(rtp({ sequence: 5 }), 1040);
    expect(out.slice(3).map(({ packet }) => [packet.sequence, packet.payload.length])).toEqual([
      [4, 0],
      [5, 5],
    ]);
  });

  it.each<[string, Fields, number]>([
    ['of another source while the present one sends', { ssrc: 9 }, 1100],
    ['of a retransmission that comes first', { payloadType: 97, ssrc: RTX_SSRC }, 1100],
  ])('are left out: %s', (_, fields, now) => {
    const { push, sequences } = running();
    push(rtp({ sequence: 500, ...fields }), now);
    expect(sequences()).toEqual([1, 2, 3]);
  });

  it.each([
    ['was silent', 1300, false],
    ['said goodbye', 1070, true],
  ])('of another source are followed when the present one %s', (_, now, saysBye) => {
    const { receiver: made, push, out, lost } = running();
    push(rtp({ sequence: 5, timestamp: 4500 }), 1060);
    if (saysBye) made.rtcp(bye(VIDEO_SSRC), now);
    for (const i of [0, 1, 2, 3])
      push(rtp({ ssrc: 9, sequence: 4 + i, timestamp: 3_000_000_000 + 900 * i }), now + 10 * i);
    expect(out.map(({ packet }) => packet.sequence)).toEqual([1, 2, 3, 5, 4, 5, 6, 7]);
    expect(lost).toEqual([['video', 1]]);
    expect(out.slice(4).map(({ packet }) => packet.time - now)).toEqual(
      [0, 10, 20, 30].map((ms) => expect.closeTo(ms, 1)),
    );
    expect(made.figures().packetsLost).toBe(1);
  });
});

describe('lost packets', () => {
  it('are asked for and take their place', () => {
    const { receiver: made, push, out, feedback, lost } = running();
    push(rtp({ sequence: 6, timestamp: 5400 }), 1050);
    made.work(1050);
    expect([feedback('205/1'), made.deadline]).toEqual([[], 1065]);
    made.work(1065);
    expect(feedback('205/1').map((nack) => nack.toString('hex', 8))).toEqual([`${VIDEO_SSRC.toString(16)}00040001`]);
    push(rtx(5, 1, { timestamp: 4500, marker: true }), 1100);
    push(rtx(4, 2, { timestamp: 3600 }), 1105);
    push(rtx(4, 3, { timestamp: 3600 }), 1106);
    expect(
      out
        .slice(3)
        .map(({ packet: { sequence, timestamp, marker, payload } }) => [sequence, timestamp, marker, String(payload)]),
    ).toEqual([
      [4, 3600, false, 'again'],
      [5, 4500, true, 'again'],
      [6, 5400, false, 'media'],
    ]);
    expect(out[3]?.packet.time).toBeCloseTo(1040, 1);
    expect(made.figures()).toMatchObject({ roundTripMs: 35, packetsLost: 2 });
    expect(lost).toEqual([]);
  });

  it('are given up after a while', () => {
    const { receiver: made, push, sequences, lost } = running();
    push(rtp({ sequence: 6 }), 1050);
    for (let now = 1050; now < 1450; now += 10) made.work(now);
    expect([sequences(), lost]).toEqual([[1, 2, 3], []]);
    made.work(1450);
    expect([sequences(), lost]).toEqual([[1, 2, 3, 6], [['video', 2]]]);
    push(rtx(5, 1), 1460);
    expect(sequences()).toEqual([1, 2, 3, 6]);
  });

  it('are asked for, too, when all was seen late; the network is measured by when it came', () => {
    const { receiver: made, push, sequences, feedback, lost } = running();
    for (const sequence of [5, 6, 7]) push(rtp({ sequence, timestamp: 900 * sequence }), 1000 + 10 * sequence, 2000);
    made.work(2000);
    made.work(2015);
    expect(feedback('205/1').map((nack) => nack.toString('hex', 12))).toEqual(['00040000']);
    push(rtx(4, 1, { timestamp: 3600 }), 2050);
    expect([sequences(), lost]).toEqual([[1, 2, 3, 4, 5, 6, 7], []]);
    expect(made.figures()).toMatchObject({ jitterMs: 0, lastArrival: 1070 });
  });

  it('are asked for in packets that fit the network', () => {
    const { receiver: made, push, sent } = running();
    for (let sequence = 5; sequence < 1400; sequence += 2) push(rtp({ sequence }), 1050);
    made.work(1065);
    const nacks = sent.flatMap(({ packets }) => packets.filter((packet) => packet[1] === 205));
    expect(nacks.length).toBe(2);
    expect(Math.max(...sent.map(({ packets }) => packets.reduce((sum, { length }) => sum + length, 0)))).toBeLessThan(
      1200,
    );
  });

  it('are not asked for where that was not negotiated', () => {
    const { receiver: made, push, feedback } = receiver({ settings: { transportCcExtension: null } });
    for (const sequence of [1, 2, 3, 5]) push(rtp({ payloadType: 111, ssrc: AUDIO_SSRC, sequence }), 1000);
    for (let now = 1000; now < 1200; now += 10) made.work(now);
    expect(feedback('205/1')).toEqual([]);
  });
});

describe('reports', () => {
  it('go out once a second, with our name and clock', () => {
    const { receiver: made, push, sent } = receiver({ settings: { transportCcExtension: null } });
    expect(made.deadline).toBeNull();
    push(rtp({ sequence: 0xffff, timestamp: 0 }), 1000);
    push(rtp({ payloadType: 111, ssrc: AUDIO_SSRC }), 1000);
    made.work(1000);
    push(rtp({ sequence: 0, timestamp: 900 }), 1010);
    push(rtp({ sequence: 2, timestamp: 2700 }), 1046);
    made.rtcp(senderReport(VIDEO_SSRC, 0xe1234567 + 0.5, 0), 1100);
    made.work(1200);
    expect(sent.map(({ types }) => types.join(' '))).toEqual(['201/2 202/1 207/0 205/1']);
    const [written] = sent[0]?.packets ?? [];
    const block = written?.toString('hex', 32, 56);
    // 1 of 4 lost; jitter of 16 ms * 90 / 16.
    expect(block).toBe(
      [
        'aaaa0001',
        '40',
        '000001',
        '00010002',
        (90).toString(16).padStart(8, '0'),
        '45678000',
        Math.floor(6553.6).toString(16).padStart(8, '0'),
      ].join(''),
    );
    expect(made.deadline).toBeLessThanOrEqual(2200);
    for (let now = 1210; now < 5200; now += 10) made.work(now);
    const later = sent.filter(({ types }) => types[0]?.startsWith('201'));
    // Nothing came any more.
    expect(later.map(({ types }) => types[0])).toEqual(['201/2', '201/0', '201/0', '201/0', '201/0']);
    expect(new Set(later.map(({ packets }) => packets[1]?.toString('hex'))).size).toBe(1);
  });

  it('tell us the round trip by their answers', () => {
    const { receiver: made, feedback } = running();
    made.work(1200);
    const [reference] = feedback('207/0');
    const answer = Buffer.from('80cf0005aaaa00010500000300000000000000000000', 'hex');
    const full = Buffer.alloc(24);
    answer.copy(full);
    full.writeUInt32BE(reference?.readUInt32BE(4) ?? 0, 12);
    full.writeUInt32BE(compactNtp(1200), 16);
    full.writeUInt32BE(Math.round(0.3 * 65_536), 20);
    made.rtcp(full, 1550);
    expect(made.figures().roundTripMs).toBeCloseTo(50, 0);
    // Of somebody else, or of a clock that we never sent.
    full.writeUInt32BE(1, 12);
    made.rtcp(full, 5000);
    full.writeUInt32BE(reference?.readUInt32BE(4) ?? 0, 12);
    full.writeUInt32BE(0x12345678, 16);
    made.rtcp(full, 5000);
    expect(made.figures().roundTripMs).toBeCloseTo(50, 0);
  });

  it.each([
    [true, '206/1'],
    [false, '201/0 202/1 206/1'],
  ])('stand before feedback unless that was agreed otherwise (reduced size: %s)', (reducedSize, types) => {
    const { receiver: made, push, sent } = receiver({ settings: { reducedSize } });
    expect([made.requestKeyframe(), sent]).toEqual([false, []]);
    push(rtp({ payloadType: 111, ssrc: AUDIO_SSRC }), 1000);
    expect(made.requestKeyframe()).toBe(false);
    push(rtp({}), 1000);
    expect(made.requestKeyframe()).toBe(true);
    expect(sent.map((each) => each.types.join(' '))).toEqual([types]);
    expect(sent[0]?.packets.at(-1)?.readUInt32BE(8)).toBe(VIDEO_SSRC);
  });

  it('tell when the packets of all tracks came', () => {
    const { receiver: made, push, feedback } = receiver();
    push(rtp({ transport: 7, mid: '1' }), 1000);
    push(rtp({ transport: 9, payloadType: 111, ssrc: AUDIO_SSRC }), 1000);
    push(rtx(1, 1, { transport: 10 }), 1000);
    made.work(1000);
    expect(feedback('205/15').map((packet) => packet.toString('hex', 12, 16))).toEqual(['00070004']);
    push(rtp({ sequence: 2, transport: 11 }), 1050);
    made.work(1050);
    expect(feedback('205/15')).toHaveLength(1);
    made.work(1095);
    expect(feedback('205/15')).toHaveLength(2);
  });
});

it('puts audio and video together by sender reports', () => {
  const { receiver: made, push, out } = receiver({ settings: { transportCcExtension: null } });
  for (let sent = 0; sent < 4000; sent += 20) {
    push(rtp({ payloadType: 111, ssrc: AUDIO_SSRC, sequence: sent / 20, timestamp: 777 + 48 * sent }), 1000 + sent);
    // The same moment's video frame takes 80 ms longer.
    if (sent % 40 === 0) push(rtp({ sequence: sent / 40, timestamp: 4_294_900_000 + 90 * sent }), 1080 + sent);
    if (sent === 2000) {
      made.rtcp(senderReport(AUDIO_SSRC, 3.9e9 + sent / 1000, 777 + 48 * sent), 1000 + sent);
      made.rtcp(senderReport(VIDEO_SSRC, 3.9e9 + sent / 1000, 4_294_900_000 + 90 * sent), 1080 + sent);
    }
    made.work(1080 + sent);
  }
  const [audio, video] = ['audio', 'video'].map(
    (kind) => out.filter((each) => each.kind === kind).at(-1)?.packet.time ?? NaN,
  );
  expect(audio).toBeCloseTo(1080 + 3980, 0);
  expect((audio as number) - (video as number)).toBeCloseTo(20, 1);
});

it('tells figures', () => {
  const { receiver: made, push } = receiver();
  expect(made.figures()).toEqual({ packetsLost: 0, jitterMs: null, roundTripMs: null, bytes: 0, lastArrival: null });
  push(rtp({ sequence: 1, timestamp: 0 }), 1000);
  push(rtp({ sequence: 2, timestamp: 900 }), 1026);
  push(rtx(1, 1), 1030);
  push(rtp({ payloadType: 98 }), 1040);
  expect(made.figures()).toEqual({
    packetsLost: 0,
    jitterMs: expect.closeTo(1, 6),
    roundTripMs: null,
    bytes: 17 + 17 + 19,
    lastArrival: 1026,
  });
});
