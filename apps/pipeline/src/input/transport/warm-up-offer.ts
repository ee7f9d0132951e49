const FINGERPRINT = Array.from({ length: 32 }, () => '00').join(':');

/** H.264 and Opus as browsers offer them, of a publisher that does not exist. */
export const WARM_UP_OFFER = [
  'v=0',
  'o=- 1 1 IN IP4 127.0.0.1',
  's=-',
  't=0 0',
  'a=group:BUNDLE 0 1',
  ...section('0', 'video', '96 97', [
    'a=rtpmap:96 H264/90000',
    'a=fmtp:96 packetization-mode=1;profile-level-id=42e01f',
    'a=rtcp-fb:96 nack',
    'a=rtcp-fb:96 nack pli',
    'a=rtpmap:97 rtx/90000',
    'a=fmtp:97 apt=96',
  ]),
  ...section('1', 'audio', '111', ['a=rtpmap:111 opus/48000/2']),
  '',
].join('\r\n');

function section(mid: string, kind: string, payloads: string, codecs: string[]): string[] {
  const transport = [
    'c=IN IP4 0.0.0.0',
    'a=ice-ufrag:warm',
    'a=ice-pwd:warm-up-warm-up-warm-up',
    `a=fingerprint:sha-256 ${FINGERPRINT}`,
    'a=setup:actpass',
  ];
  return [
    `m=${kind} 9 UDP/TLS/RTP/SAVPF ${payloads}`,
    ...transport,
    `a=mid:${mid}`,
    'a=sendonly',
    'a=rtcp-mux',
    ...codecs,
  ];
}
