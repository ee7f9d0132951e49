// Offers and fragments as no publisher would make them, but somebody with a valid token may.
import fc from 'fast-check';
/** The API takes bodies of 64 KiB. */
const HUGE = 70_000;
const CANDIDATE = 'a=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host';

/** Changes of an offer's lines. */
type Change = (lines: string[]) => string[];

/** A place in the lines; there are no more. */
const at = fc.nat({ max: 24 });
const replaced =
  (from: RegExp, to: string): Change =>
  (lines) =>
    lines.map((line) => line.replace(from, to));
const inserted =
  (where: number, ...more: string[]): Change =>
  (lines) => [...lines.slice(0, where), ...more, ...lines.slice(where)];

const WEIRD_NUMBERS = [
  '-1',
  '128',
  '255',
  '65536',
  '4294967296',
  '99999999999999999999',
  '0x60',
  '9.6',
  '1e3',
  '',
  ' ',
  '٣',
  'NaN',
];
/** Payload types, ports, media ids, clock rates, keys: what a parser may take for granted. */
const weird: fc.Arbitrary<Change> = fc.constantFrom(
  ...WEIRD_NUMBERS.flatMap((number) => [
    replaced(/SAVPF 96$/, `SAVPF ${number}`),
    replaced(/rtpmap:96 /, `rtpmap:${number} `),
    replaced(/H264\/90000/, `H264/${number}`),
    replaced(/opus\/48000\/2/, `opus/48000/${number}`),
    replaced(/^m=video 9/, `m=video ${number}`),
  ]),
  replaced(/SAVPF 96$/, `SAVPF ${Array.from({ length: 2000 }, (_, i) => i % 128).join(' ')}`),
  replaced(/SAVPF 96$/, 'SAVPF 96 96 96'),
  replaced(/SAVPF 111$/, 'SAVPF 96'),
  replaced(/rtpmap:111/, 'rtpmap:96'),
  replaced(/UDP\/TLS\/RTP\/SAVPF/, 'RTP/AVP'),
  replaced(/UDP\/TLS\/RTP\/SAVPF/, 'TCP/DTLS/SCTP'),
  replaced(/a=mid:1/, 'a=mid:0'),
  replaced(/a=mid:0/, `a=mid:${'m'.repeat(3000)}`),
  replaced(/BUNDLE 0 1/, 'BUNDLE 7 8 9'),
  replaced(/BUNDLE 0 1/, `BUNDLE ${'0 '.repeat(5000)}`),
  replaced(/ice-ufrag:user/, `ice-ufrag:${'u'.repeat(256)}`),
  replaced(/ice-pwd:\w+/, `ice-pwd:${'%n%s'.repeat(60)}`),
  replaced(/setup:actpass/, 'setup:holdconn'),
  replaced(/IN IP4 0.0.0.0/, 'IN IP6 ::'),
  replaced(/IN IP4 127.0.0.1/, 'IN IP4 999.1.1.1'),
  replaced(/^m=audio.*/, 'm=audio'),
  replaced(/^m=video.*/, 'm=video 9 UDP/TLS/RTP/SAVPF'),
  replaced(/^t=0 0$/, 't=-1 99999999999999999999999'),
);
const MORE = [
  'a=fmtp:96 profile-level-id=ffffff;packetization-mode=9;sprop-parameter-sets=AAAA,====',
  `a=fmtp:96 ${'x=y;'.repeat(10_000)}`,
  'a=fmtp:4294967295 apt=96',
  'a=extmap:0 urn:x',
  'a=extmap:300 urn:ietf:params:rtp-hdrext:sdes:mid',
  `a=extmap:1 ${'u'.repeat(4000)}`,
  'a=rtcp-fb:* nack pli',
  'a=rtcp-fb:96 %s%n%x',
  'a=rtcp:99999 IN IP4 0.0.0.0',
  'a=rtcp-mux-only',
  'a=ssrc:99999999999 cname:x',
  'a=ssrc:1 msid:a b',
  'a=ssrc-group:FID 1',
  'a=ssrc-group:FID',
  'a=msid:',
  'a=ice-lite',
  'a=ice-options:trickle renomination',
  'a=end-of-candidates',
  CANDIDATE,
  'a=candidate:',
  'a=candidate:1 1 udp 1 evil.local 9 typ host',
  'a=candidate:1 1 tcp 1 127.0.0.1 9 typ host tcptype active',
  'a=candidate:1 1 udp 99999999999999 ::1 99999 typ prflx raddr x rport y',
  'a=candidate:1 256 UDP -1 169.254.169.254 80 typ relay',
  'a=fingerprint:sha-1 00',
  'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x',
  'b=AS:-5',
  'b=AS:99999999999999',
  'k=clear:x',
  'z=0 0',
  'i=\u{1F600}',
  's=',
  'v=1',
  'm=text 9 RTP/AVP 98',
  'm=application 9 UDP/DTLS/SCTP webrtc-datachannel',
  'm= 9 x 0',
  'a=',
  'a=:',
  'a=inactive',
  'a=sctp-port:99999',
  'a=max-message-size:-1',
];
const more: fc.Arbitrary<Change> = fc
  .tuple(at, fc.constantFrom(...MORE), fc.constantFrom(1, 1, 1, 3, 99, 1500))
  .map(([where, line, times]) => inserted(where, ...Array.from({ length: times }, () => line)));
const shaken: fc.Arbitrary<Change> = fc.oneof(
  at.map(
    (where): Change =>
      (lines) =>
        lines.slice(0, where),
  ),
  at.map(
    (where): Change =>
      (lines) =>
        lines.toSpliced(where, 1),
  ),
  fc.tuple(at, at).map(
    ([a, b]): Change =>
      (lines) =>
        lines.with(a % Math.max(1, lines.length), lines[b] ?? ''),
  ),
  at.map((where): Change => (lines) => [...lines.slice(where), ...lines.slice(0, where)]),
  fc.constant<Change>((lines) => lines.toReversed()),
  fc.constant<Change>((lines) => [...lines, ...lines]),
  fc.constant<Change>((lines) => Array.from({ length: 3000 }, () => lines[0] ?? '')),
);

/** How lines end, and what becomes of the bytes. */
const written: fc.Arbitrary<(lines: string[]) => Buffer> = fc.oneof(
  { weight: 6, arbitrary: fc.constant((lines: string[]) => Buffer.from(`${lines.join('\r\n')}\r\n`)) },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom('\n', '\r', '\r\r\n', '\n\n', '\n\r', '\u2028', '\0', ' ', '')
      .map((end) => (lines: string[]) => Buffer.from(lines.join(end) + end)),
  },
  {
    weight: 1,
    arbitrary: fc
      .nat({ max: 500 })
      .map((length) => (lines: string[]) => Buffer.from(lines.join('\r\n')).subarray(0, length)),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.nat({ max: 500 }), fc.uint8Array({ minLength: 1, maxLength: 40 })).map(
      ([where, bytes]) =>
        (lines: string[]) =>
          Buffer.concat([
            Buffer.from(lines.join('\r\n')).subarray(0, where),
            bytes,
            Buffer.from(lines.join('\r\n')).subarray(where),
          ]),
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('\uFEFF', '\ud800', ' ', '\r\n')
      .map((before) => (lines: string[]) => Buffer.from(before + lines.join('\r\n'))),
  },
  {
    weight: 1,
    arbitrary: fc.constant((lines: string[]) => Buffer.from(`${lines.join('\r\n')}\r\n${'a=x\r\n'.repeat(HUGE / 5)}`)),
  },
  { weight: 1, arbitrary: fc.constant((lines: string[]) => Buffer.from(lines.join('\r\n'), 'utf16le')) },
);

/** Offers made of this one by changes in one to three places. */
export const oddOffers = (good: string): fc.Arbitrary<Buffer> =>
  fc.oneof(
    {
      weight: 12,
      arbitrary: fc
        .tuple(
          fc.array(
            fc.oneof({ weight: 3, arbitrary: weird }, { weight: 3, arbitrary: more }, { weight: 1, arbitrary: shaken }),
            { minLength: 1, maxLength: 3 },
          ),
          written,
        )
        .map(([changes, write]) =>
          write(changes.reduce((lines, change) => change(lines), good.split('\r\n').slice(0, -1))),
        ),
    },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 3000 }).map((bytes) => Buffer.from(bytes)) },
  );

const FRAGMENT = [
  'a=ice-ufrag:user',
  'a=ice-pwd:passwordpasswordpassword',
  'm=audio 9 RTP/AVP 0',
  'a=mid:0',
  CANDIDATE,
  'a=end-of-candidates',
];
/** Fragments of a PATCH, near and far from a good one. */
export const oddFragments: fc.Arbitrary<Buffer> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.subarray(FRAGMENT), fc.subarray(MORE, { maxLength: 4 }), written)
      .map(([good, odd, write]) => write([...good, ...odd])),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('a=ice-ufrag:other', `a=ice-ufrag:${'u'.repeat(300)}`, 'a=ice-ufrag:')
      .map((ufrag) => Buffer.from([ufrag, ...FRAGMENT.slice(1)].join('\r\n'))),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 3000 }).map((bytes) => Buffer.from(bytes)) },
);

/** If-Match as clients write it, and as they do not. */
export const oddEtags = fc.constantFrom(
  undefined,
  undefined,
  '*',
  '"*"',
  '""',
  '"',
  'W/"x"',
  '"a", "b"',
  'x'.repeat(4000),
);
