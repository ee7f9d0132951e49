import { describe, expect, it } from 'vitest';
import { fragmentOf, iceUfrag, restartedAnswer } from './sdp.js';

const sdp = (...lines: string[]): string => `${lines.join('\r\n')}\r\n`;
const OFFER = sdp(
  'v=0',
  'o=- 1 2 IN IP4 127.0.0.1',
  's=-',
  't=0 0',
  'a=group:BUNDLE 0 1',
  'm=audio 9 UDP/TLS/RTP/SAVPF 111',
  'c=IN IP4 0.0.0.0',
  'a=ice-ufrag:abcd',
  'a=ice-pwd:0123456789012345678901',
  'a=mid:0',
  'a=sendonly',
  'm=video 9 UDP/TLS/RTP/SAVPF 96',
  'a=ice-ufrag:abcd',
  'a=ice-pwd:0123456789012345678901',
  'a=mid:1',
  'a=sendonly',
);

describe('fragmentOf', () => {
  it('names the ICE session, the first section and the candidates (RFC 9725, section 4.3.1)', () => {
    const candidates = [{ candidate: 'candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host', sdpMid: '0' }];
    expect(fragmentOf(OFFER, candidates, true)).toBe(
      sdp(
        'a=group:BUNDLE 0 1',
        'a=ice-ufrag:abcd',
        'a=ice-pwd:0123456789012345678901',
        'm=audio 9 UDP/TLS/RTP/SAVPF 111',
        'a=mid:0',
        'a=candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host',
        'a=end-of-candidates',
      ),
    );
    expect(fragmentOf(OFFER, [], false)).not.toMatch(/candidate/);
  });

  it('reads bare line feeds, and refuses what has no credentials', () => {
    expect(fragmentOf(OFFER.replaceAll('\r\n', '\n'), [], false)).toBe(fragmentOf(OFFER, [], false));
    expect(() => fragmentOf('', [], false)).toThrow(/credentials/);
  });
});

describe('restartedAnswer', () => {
  const answer = sdp(
    'v=0',
    'a=ice-lite',
    'm=audio 9 UDP/TLS/RTP/SAVPF 111',
    'a=ice-ufrag:old1',
    'a=ice-pwd:old-password-old-password',
    'a=mid:0',
    'a=candidate:1 1 UDP 1 10.0.0.1 1 typ host',
    'a=end-of-candidates',
    'm=video 9 UDP/TLS/RTP/SAVPF 96',
    'a=ice-ufrag:old1',
    'a=ice-pwd:old-password-old-password',
    'a=mid:1',
    'a=candidate:1 1 UDP 1 10.0.0.1 1 typ host',
    'a=fmtp:96 x=1',
  );
  const fragment = sdp(
    'a=ice-ufrag:new$1',
    'a=ice-pwd:new$&password-new-password',
    'm=audio 9 X 0',
    'a=mid:0',
    'a=candidate:7 1 UDP 1 10.0.0.2 7 typ host',
    'a=end-of-candidates',
  );

  it('changes the ICE session, adds to the candidates, and leaves the rest', () => {
    expect(restartedAnswer(answer, fragment)).toBe(
      sdp(
        'v=0',
        'a=ice-lite',
        'm=audio 9 UDP/TLS/RTP/SAVPF 111',
        'a=ice-ufrag:new$1',
        'a=ice-pwd:new$&password-new-password',
        'a=mid:0',
        'a=candidate:7 1 UDP 1 10.0.0.2 7 typ host',
        'a=candidate:1 1 UDP 1 10.0.0.1 1 typ host',
        'a=end-of-candidates',
        'm=video 9 UDP/TLS/RTP/SAVPF 96',
        'a=ice-ufrag:new$1',
        'a=ice-pwd:new$&password-new-password',
        'a=mid:1',
        'a=fmtp:96 x=1',
      ),
    );
  });

  it('serves an answer of a single section, and again after another restart', () => {
    const audio = answer.slice(0, answer.indexOf('m=video'));
    const once = restartedAnswer(audio, fragment);
    expect(iceUfrag(once)).toBe('new$1');
    expect(restartedAnswer(once, fragment)).toBe(once);
    expect(() => restartedAnswer(audio, 'a=mid:0\r\n')).toThrow(/credentials/);
  });
});
