import { describe, expect, it } from 'vitest';
import { formatFragment, readFragment, readOffer, SdpError, writeAnswer } from './index.js';

const fingerprintOf = (hash: string, bytes: number): string =>
  `${hash} ${Array.from({ length: bytes }, () => 'AB').join(':')}`;
const FINGERPRINT = fingerprintOf('sha-256', 32);

const CHROME = [
  'v=0',
  'o=- 1 2 IN IP4 127.0.0.1',
  's=-',
  't=0 0',
  'a=group:BUNDLE 0 1',
  'm=audio 9 UDP/TLS/RTP/SAVPF 111 63 9',
  'c=IN IP4 0.0.0.0',
  'a=ice-ufrag:abcd',
  'a=ice-pwd:0123456789012345678901',
  `a=fingerprint:${FINGERPRINT}`,
  'a=setup:actpass',
  'a=candidate:1 1 udp 2 192.0.2.7 9 typ host',
  'a=mid:0',
  'a=sendonly',
  'a=rtcp-mux',
  'a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level',
  'a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
  'a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid',
  'a=rtpmap:111 opus/48000/2',
  'a=fmtp:111 minptime=10;useinbandfec=1',
  'a=rtpmap:63 red/48000/2',
  'a=fmtp:63 111/111',
  'a=rtpmap:9 G722/8000',
  'm=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 104 105 106 107',
  'c=IN IP4 0.0.0.0',
  'a=mid:1',
  'a=sendonly',
  'a=rtcp-mux',
  'a=rtpmap:96 VP8/90000',
  'a=rtpmap:97 rtx/90000',
  'a=fmtp:97 apt=96',
  'a=rtcp-fb:96 nack pli',
  'a=rtpmap:102 H264/90000',
  'a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42001f',
  'a=rtpmap:103 H264/90000',
  'a=fmtp:103 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f',
  'a=rtpmap:104 H264/90000',
  'a=fmtp:104 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f',
  'a=rtcp-fb:104 goog-remb',
  'a=rtcp-fb:104 nack',
  'a=rtcp-fb:104 nack pli',
  'a=rtcp-fb:104 transport-cc',
  'a=rtpmap:105 rtx/90000',
  'a=fmtp:105 apt=104',
  'a=rtpmap:106 rtx/90000',
  'a=fmtp:106 apt=103',
  'a=rtpmap:107 red/90000',
  '',
].join('\r\n');

const section = (sdp: string, index: number): string => sdp.split(/(?=^m=)/m)[index + 1] ?? '';
/** Lines `a=<name>:<value>`, values only. */
const attributes = (text: string, name: string): string[] =>
  [...text.matchAll(new RegExp(`^a=${name}:(.*?)\\r?$`, 'gm'))].map((match) => match[1] as string);

const changed = (...changes: [from: string | RegExp, to: string][]): string =>
  changes.reduce(
    (sdp, [from, to]) => sdp.replaceAll(from instanceof RegExp ? new RegExp(from, 'g') : from, to),
    CHROME,
  );
const payloads = (sdp: string): [number, number | null][] =>
  readOffer(sdp).tracks.map(({ payloadType, rtxPayloadType }) => [payloadType, rtxPayloadType]);

describe('readOffer', () => {
  it('takes constrained-baseline H.264 with its retransmission, and Opus', () => {
    expect(readOffer(CHROME)).toMatchObject({
      tracks: [
        {
          kind: 'audio',
          codec: 'OPUS',
          payloadType: 111,
          rtxPayloadType: null,
          clockRate: 48_000,
          mid: '0',
          nack: false,
          fmtp: 'minptime=10;useinbandfec=1',
        },
        {
          kind: 'video',
          codec: 'H264',
          payloadType: 104,
          rtxPayloadType: 105,
          clockRate: 90_000,
          mid: '1',
          nack: true,
          fmtp: 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f',
        },
      ],
      remote: { fingerprints: [{ hash: 'sha-256', value: FINGERPRINT.slice(8) }], role: 'active' },
      midExtension: 4,
      transportCcExtension: 3,
      reducedSize: false,
      first: { mline: 'm=audio 9 UDP/TLS/RTP/SAVPF 111 63 9', mid: '0' },
    });
  });

  it.each<[string, [string | RegExp, string][], [number, number | null]]>([
    ['only high profile (OBS)', [[/profile-level-id=(42e01f|42001f)/, 'profile-level-id=640028']], [103, 106]],
    ['no H.264 at all', [['H264', 'X264']], [96, 97]],
    ['AV1 before all else', [['VP8', 'AV1']], [104, 105]],
    [
      'only AV1',
      [
        ['H264', 'X264'],
        ['VP8', 'AV1'],
      ],
      [96, 97],
    ],
    ['a clock rate that no video has', [['H264/90000', 'H264/9']], [96, 97]],
    ['payload types that no packet can bear', [['rtpmap:104 ', 'rtpmap:200 ']], [103, 106]],
  ])('%s', (_, changes, video) => {
    expect(payloads(changed(...changes))).toEqual([[111, null], video]);
  });

  it('finds what stands for all sections before the first', () => {
    const lifted = CHROME.replace(/a=(ice-ufrag|ice-pwd|fingerprint|setup):.*\r\n/g, '').replace(
      't=0 0',
      `t=0 0\r\na=ice-ufrag:wxyz\r\na=ice-pwd:9876543210987654321098\r\na=fingerprint:${fingerprintOf('sha-512', 64)}\r\na=setup:active\r\na=ice-lite`,
    );
    expect(readOffer(lifted)).toMatchObject({
      iceUfrag: 'wxyz',
      remote: { fingerprints: [{ hash: 'sha-512', value: fingerprintOf('sha-512', 64).slice(8) }], role: 'passive' },
    });
  });

  it.each([
    ['sha-384', 48],
    ['SHA-512', 64],
  ])('takes certificates that are known by their %s (FreeSWITCH)', (hash, bytes) => {
    const [, value = ''] = fingerprintOf(hash, bytes).split(' ');
    expect(
      readOffer(changed([`fingerprint:${FINGERPRINT}`, `fingerprint:${hash} ${value}`])).remote.fingerprints,
    ).toEqual([{ hash: hash.toLowerCase(), value }]);
    // Beside one that is not enough.
    expect(
      readOffer(changed([`a=fingerprint:${FINGERPRINT}`, `a=fingerprint:sha-1 AB\r\na=fingerprint:${hash} ${value}`]))
        .remote.fingerprints,
    ).toHaveLength(1);
  });

  it.each([
    ['characters', `${CHROME}a=${'x'.repeat(70_000)}\r\n`],
    ['lines', CHROME + 'a=x\r\n'.repeat(3000)],
    ['characters in a line', `${CHROME}a=${'x'.repeat(5000)}\r\n`],
  ])('reads nothing of what has too many %s', (_, sdp) => {
    expect(() => readOffer(sdp)).toThrow(expect.objectContaining({ kind: 'damaged' }));
  });

  it('accepts bare line feeds', () => {
    expect(readOffer(CHROME.replaceAll('\r\n', '\n'))).toEqual(readOffer(CHROME));
  });

  it.each<[string, RegExp, [string | RegExp, string][]]>([
    ['video that nobody could forward', /H\.264, VP8, VP9 or AV1/, [[/H264|VP8/, 'other']]],
    ['sound that nobody could forward', /Opus/, [['opus', 'other']]],
    ['codecs that the m-line does not name', /H\.264/, [['SAVPF 96 97 102 103 104 105 106 107', 'SAVPF 97 105']]],
    ['what is switched off', /neither audio nor video/, [[/m=(audio|video) 9/, 'm=application 9']]],
    ['a user fragment that can be guessed', /RFC 8839/, [['ice-ufrag:abcd', 'ice-ufrag:abc']]],
    [
      'a password that can be guessed',
      /RFC 8839/,
      [['ice-pwd:0123456789012345678901', 'ice-pwd:012345678901234567890']],
    ],
    [
      'a fingerprint that says little',
      /sha-256, sha-384 or sha-512/,
      [[/fingerprint:sha-256 \S+/, 'fingerprint:sha-1 AB:CD']],
    ],
    [
      'a fingerprint of the wrong length',
      /sha-256, sha-384 or sha-512/,
      [['fingerprint:sha-256', 'fingerprint:sha-512']],
    ],
    ['what is not bundled', /a=group:BUNDLE/, [['a=group:BUNDLE 0 1', 'a=group:BUNDLE 0 7']]],
    ['what has no group', /a=group:BUNDLE/, [['a=group:BUNDLE 0 1', 'a=x']]],
    ['what ICE cannot reach', /ICE/, [[/a=ice-ufrag:.*/, 'a=x']]],
  ])('refuses %s, with the way out', (_, message, changes) => {
    const sdp = changed(...changes);
    expect(() => readOffer(sdp)).toThrow(SdpError);
    expect(() => readOffer(sdp)).toThrow(message);
  });

  it('needs no group for one section', () => {
    const soundOnly = CHROME.slice(0, CHROME.indexOf('m=video')).replace('a=group:BUNDLE 0 1', 'a=x');
    expect(payloads(soundOnly)).toEqual([[111, null]]);
  });
});

describe('writeAnswer', () => {
  const half = {
    ufrag: 'ours',
    pwd: 'secret',
    candidates: ['1 1 UDP 3 10.0.0.1 5000 typ host', '2 1 UDP 2 2001:db8::1 5000 typ host'],
  };
  const answer = (sdp = CHROME): string =>
    writeAnswer(readOffer(sdp), { half, fingerprint: { hash: 'sha-256', value: '01:02' }, role: 'active' });

  it('says the same transport in every section, of an agent that sends no checks', () => {
    for (const index of [0, 1]) {
      const text = section(answer(), index);
      expect(text).toContain(
        'a=ice-ufrag:ours\r\na=ice-pwd:secret\r\na=fingerprint:sha-256 01:02\r\na=setup:active\r\n',
      );
      expect(attributes(text, 'candidate').map((line) => line.split(' ')[0])).toEqual(['1', '2']);
      expect(text).toContain('a=recvonly\r\na=rtcp-mux\r\n');
      expect(text).toMatch(/a=end-of-candidates\r\n$/);
    }
    expect(answer()).toContain('a=ice-lite\r\na=group:BUNDLE 0 1\r\n');
  });

  it('names the codec that was chosen, its feedback, and the extensions that we use', () => {
    const text = section(answer(), 1);
    expect(text).toMatch(/^m=video 9 UDP\/TLS\/RTP\/SAVPF 104 105\r\n/);
    expect(attributes(text, 'rtpmap')).toEqual(['104 H264/90000', '105 rtx/90000']);
    expect(attributes(text, 'rtcp-fb')).toEqual(['104 nack', '104 nack pli', '104 transport-cc']);
    expect(attributes(section(answer(), 0), 'extmap').map((value) => value.split(' ')[0])).toEqual(['3', '4']);
  });

  it('lifts the start bitrate of the video, and says its profile', () => {
    expect(answer()).toMatch(
      /a=fmtp:104 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f;x-google-start-bitrate=\d+\r\n/,
    );
    expect(answer(changed([/a=fmtp:10[34] .*/, 'a=x']))).toMatch(/a=fmtp:102 .*profile-level-id=42001f;x-google/);
  });

  it('refuses what is not taken, and leaves it out of the bundle', () => {
    const offered = CHROME.replace('BUNDLE 0 1', 'BUNDLE 0 1 2').replace(
      /\r\n$/,
      '\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\n',
    );
    expect(section(answer(offered), 2)).toBe(
      'm=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\na=inactive\r\n',
    );
    expect(answer(offered)).toContain('a=group:BUNDLE 0 1\r\n');
  });

  it('takes reports of reduced size where all sections do', () => {
    expect(answer()).not.toContain('rtcp-rsize');
    expect(attributes(answer(changed(['a=rtcp-mux', 'a=rtcp-mux\r\na=rtcp-rsize'])), 'mid')).toHaveLength(2);
    expect(answer(changed(['a=rtcp-mux', 'a=rtcp-mux\r\na=rtcp-rsize'])).match(/a=rtcp-rsize\r\n/g)).toHaveLength(2);
  });
});

describe('fragments', () => {
  it('reads credentials, m-line without port or not', () => {
    const fragment = readFragment(
      'a=ice-ufrag:EsAw\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\nm=audio RTP/AVP 0\na=mid:0\na=candidate:1 1 UDP 2 192.0.2.1 9 typ host\na=end-of-candiadates\n',
    );
    expect(fragment).toEqual({ ufrag: 'EsAw', pwd: 'P2uYro0UCOQ4zxjKXaWCBui1' });
  });

  it('writes what it can read', () => {
    const text = formatFragment('m=audio 9 UDP/TLS/RTP/SAVPF 111', '0', {
      ufrag: 'user',
      pwd: 'passwordpasswordpassword',
      candidates: ['1 1 UDP 2 192.0.2.1 9 typ host'],
    });
    expect(text).toContain('a=candidate:1 1 UDP 2 192.0.2.1 9 typ host\r\n');
    expect(readFragment(text)).toEqual({ ufrag: 'user', pwd: 'passwordpasswordpassword' });
  });
});
