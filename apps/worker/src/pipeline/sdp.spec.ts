import { describe, expect, it } from 'vitest';
import { attributes, completeAnswer, formatFragment, parseFragment, presentAnswer, reduceOffer, SdpError, splitSections } from './sdp.js';

const CHROME = [
  'v=0', 'o=- 1 2 IN IP4 127.0.0.1', 's=-', 't=0 0', 'a=group:BUNDLE 0 1',
  'm=audio 9 UDP/TLS/RTP/SAVPF 111 63 9', 'c=IN IP4 0.0.0.0', 'a=ice-ufrag:abcd', 'a=ice-pwd:0123456789012345678901', 'a=mid:0', 'a=sendonly', 'a=rtcp-mux',
  'a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level', 'a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01', 'a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid',
  'a=rtpmap:111 opus/48000/2', 'a=fmtp:111 minptime=10;useinbandfec=1', 'a=rtpmap:63 red/48000/2', 'a=fmtp:63 111/111', 'a=rtpmap:9 G722/8000',
  'm=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 104 105 106 107', 'c=IN IP4 0.0.0.0', 'a=mid:1', 'a=sendonly', 'a=rtcp-mux',
  'a=rtpmap:96 VP8/90000', 'a=rtpmap:97 rtx/90000', 'a=fmtp:97 apt=96', 'a=rtcp-fb:96 nack pli',
  'a=rtpmap:102 H264/90000', 'a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42001f',
  'a=rtpmap:103 H264/90000', 'a=fmtp:103 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f',
  'a=rtpmap:104 H264/90000', 'a=fmtp:104 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f', 'a=rtcp-fb:104 nack pli', 'a=rtcp-fb:104 transport-cc',
  'a=rtpmap:105 rtx/90000', 'a=fmtp:105 apt=104', 'a=rtpmap:106 rtx/90000', 'a=fmtp:106 apt=103', 'a=rtpmap:107 red/90000', '',
].join('\r\n');

const section = (sdp: string, index: number): string => splitSections(sdp).media[index] ?? '';

describe('reduceOffer', () => {
  it('leaves constrained-baseline H.264 with its retransmission, and Opus', () => {
    const reduced = reduceOffer(CHROME);
    expect(section(reduced, 0)).toMatch(/^m=audio 9 UDP\/TLS\/RTP\/SAVPF 111\r\n/);
    expect(section(reduced, 1)).toMatch(/^m=video 9 UDP\/TLS\/RTP\/SAVPF 104 105\r\n/);
    expect(attributes(section(reduced, 1), 'rtpmap')).toEqual(['104 H264/90000', '105 rtx/90000']);
    expect(attributes(section(reduced, 1), 'rtcp-fb')).toEqual(['104 nack pli', '104 transport-cc']);
  });

  it.each([
    ['only high profile (OBS)', /profile-level-id=(42e01f|42001f)/g, 'profile-level-id=640028', '103 106'],
    ['no H.264 at all', /H264/g, 'X264', '96 97'],
    ['AV1 before all else', /VP8(.*)H264/s, 'AV1$1H264', '104 105'],
    ['only AV1', /VP8|H264/g, (name: string) => (name === 'VP8' ? 'AV1' : 'other'), '96 97'],
  ])('%s', (_, from, to, payloads) => {
    expect(section(reduceOffer(CHROME.replace(from, to as string)), 1)).toContain(`SAVPF ${payloads}\r\n`);
  });

  it('accepts bare line feeds', () => {
    expect(reduceOffer(CHROME.replaceAll('\r\n', '\n'))).toBe(reduceOffer(CHROME));
  });

  it('refuses what nobody could forward, with the way out', () => {
    const offer = CHROME.replace(/(H264|VP8|opus)/g, 'other');
    expect(() => reduceOffer(offer)).toThrow(SdpError);
    expect(() => reduceOffer(offer)).toThrow(/H\.264/);
  });
});

describe('completeAnswer', () => {
  it('puts back the supported extensions and the profile', () => {
    const reduced = reduceOffer(CHROME);
    const bare = [
      'v=0', 'm=audio 9 UDP/TLS/RTP/SAVPF 111', 'a=rtcp-mux', 'a=rtpmap:111 OPUS/48000/2',
      'm=video 9 UDP/TLS/RTP/SAVPF 104 105', 'a=rtcp-mux', 'a=rtpmap:104 H264/90000', 'a=fmtp:104 packetization-mode=1', '',
    ].join('\r\n');
    const completed = completeAnswer(bare, reduced);
    expect(attributes(section(completed, 0), 'extmap').map((value) => value.split(' ')[0])).toEqual(['3', '4']);
    expect(attributes(section(completed, 1), 'fmtp')).toEqual(['104 packetization-mode=1;profile-level-id=42e01f']);
  });
});

describe('presentAnswer', () => {
  const answer = [
    'v=0',
    'm=audio 9 UDP/TLS/RTP/SAVPF 111', 'a=rtcp-mux',
    'm=video 9 UDP/TLS/RTP/SAVPF 104', 'a=fmtp:104 packetization-mode=1;profile-level-id=42e01f',
    'a=candidate:5 1 TCP 99 10.0.0.1 9 typ host tcptype active', 'a=candidate:2 1 UDP 1 192.0.2.1 5 typ srflx raddr 10.0.0.1 rport 5', 'a=candidate:1 1 UDP 2 10.0.0.1 5000 typ host', '',
  ].join('\r\n');

  it('lists UDP host candidates first in every section, and no TCP', () => {
    const presented = presentAnswer(answer);
    for (const index of [0, 1]) {
      expect(attributes(section(presented, index), 'candidate').map((line) => line.split(' ')[0])).toEqual(['1', '2']);
      expect(section(presented, index)).toContain('a=end-of-candidates\r\n');
    }
  });

  it('lifts the start bitrate of the video', () => {
    expect(presentAnswer(answer)).toMatch(/a=fmtp:104 packetization-mode=1;profile-level-id=42e01f;x-google-start-bitrate=\d+\r\n/);
  });
});

describe('fragments', () => {
  it('reads credentials and candidates, m-line without port or not', () => {
    const fragment = parseFragment('a=ice-ufrag:EsAw\na=ice-pwd:P2uY\nm=audio RTP/AVP 0\na=mid:0\na=candidate:1 1 UDP 2 192.0.2.1 9 typ host\na=end-of-candiadates\n');
    expect(fragment).toEqual({ ufrag: 'EsAw', pwd: 'P2uY', candidates: ['1 1 UDP 2 192.0.2.1 9 typ host'] });
  });

  it('writes what it can read', () => {
    const text = formatFragment('m=audio 9 UDP/TLS/RTP/SAVPF 111', '0', 'u', 'p', ['candidate:1 1 UDP 2 192.0.2.1 9 typ host']);
    expect(parseFragment(text)).toEqual({ ufrag: 'u', pwd: 'p', candidates: ['1 1 UDP 2 192.0.2.1 9 typ host'] });
  });
});
