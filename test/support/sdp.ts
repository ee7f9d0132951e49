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

/** As `offer`, with all that a pipeline wants of each section. */
export const wholeOffer = (): string => {
  const transport = [
    'c=IN IP4 0.0.0.0',
    'a=setup:actpass',
    'a=ice-ufrag:user',
    'a=ice-pwd:passwordpasswordpassword',
    'a=rtcp-mux',
  ];
  const section = (mLine: string, ...lines: string[]) => [
    mLine,
    ...transport,
    `a=fingerprint:sha-256 ${FINGERPRINT}`,
    'a=sendonly',
    ...lines,
  ];
  return offer((lines) => [
    ...lines.slice(0, 5),
    ...section(
      'm=video 9 UDP/TLS/RTP/SAVPF 96',
      'a=mid:0',
      'a=rtpmap:96 H264/90000',
      'a=fmtp:96 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f',
    ),
    ...section('m=audio 9 UDP/TLS/RTP/SAVPF 111', 'a=mid:1', 'a=rtpmap:111 opus/48000/2'),
  ]);
};
