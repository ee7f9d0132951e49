const FINGERPRINT = Array.from({ length: 32 }, () => 'AB').join(':');
/** A publisher's offer as browsers make it, in short; `changes` make it another one. */
export const offer = (changes: (lines: string[]) => string[] = (lines) => lines): string =>
  `${changes([
    'v=0',
    'o=- 1 1 IN IP4 127.0.0.1',
    's=-',
    't=0 0',
    'a=group:BUNDLE 0 1',
    `a=fingerprint:sha-256 ${FINGERPRINT}`,
    'm=video 9 UDP/TLS/RTP/SAVPF 96',
    'c=IN IP4 0.0.0.0',
    'a=mid:0',
    'a=sendonly',
    'a=setup:actpass',
    'a=ice-ufrag:user',
    'a=ice-pwd:passwordpasswordpassword',
    'a=rtpmap:96 H264/90000',
    'm=audio 9 UDP/TLS/RTP/SAVPF 111',
    'a=mid:1',
    'a=sendonly',
    'a=rtpmap:111 opus/48000/2',
  ]).join('\r\n')}\r\n`;
