// The examples of RFC 3711 (appendix B) and RFC 7714 (sections 16 and 17), by libs/webrtc/native/srtp*.c.
import { describe, expect, it } from 'vitest';
import { testSrtp } from '../../../test/support/test-srtp.js';

const [GCM_128, GCM_256, SHA1_80] = [7, 8, 1];
const NO_AUTH = Buffer.alloc(20);
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
const key = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, i) => i));

describe('RFC 3711, appendix B', () => {
  const master = hex('E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6');

  it.each([
    ['cipher key', 0, 'c61e7a93744f39ee10734afe3ff7a087'],
    ['salt', 2, '30cbbc08863d8c85d49db34a9ae1'],
    [
      'authentication key',
      1,
      `cebe321f6ff7716b6fd4ab49af256a156d38baa48f0a0acf3c34e2359e6cdbcee049646c43d9327ad175578ef7227098
       6371c10c9a369ac2f94a8c5fbcdddc256d6e919a48b610ef17c2041e474035766b68642c59bbfc2f34db60dbdfb2`,
    ],
  ])('B.3: %s', (_, label, expected) => {
    const { length } = hex(expected);
    expect(testSrtp.derive(SHA1_80, master, label, length)).toEqual(hex(expected));
  });

  it('B.2: key stream, to its last block', () => {
    const srtp = testSrtp.openDerived(
      SHA1_80,
      hex('2B7E151628AED2A6ABF7158809CF4F3C'),
      NO_AUTH,
      hex('F0F1F2F3F4F5F6F7F8F9FAFBFCFD'),
    );
    const stream = testSrtp.encryptBody(srtp, 0, 0, Buffer.alloc(0), Buffer.alloc(0xff02 * 16)) as Buffer;
    const blocks = (from: number): string => stream.subarray(from * 16, from * 16 + 48).toString('hex');
    expect(blocks(0)).toBe(
      'e03ead0935c95e80e166b16dd92b4eb4d23513162b02d0f72a43a2fe4a5f97ab41e95b3bb0a2e8dd477901e4fca894c0',
    );
    expect(blocks(0xfeff)).toBe(
      'ec8cdf7398607cb0f2d21675ea9ea1e4362b7c3c6773516318a077d7fc5073ae6a2cc3787889374fbeb4c81b17ba6c44',
    );
  });
});

describe('RFC 7714', () => {
  const SALT = hex('51756964 2070726f 2071756f');
  const RTP_HEAD = '8040f17b 8041f8d3 5501a0b2';
  const RTP_BODY = '47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472 6573';
  const RTCP =
    '81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef deadbeef deadbeef';
  const open = (profile: number) => testSrtp.openDerived(profile, key(profile === GCM_128 ? 16 : 32), NO_AUTH, SALT);

  it.each([
    [
      '16.1: AES-128',
      GCM_128,
      'f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf 8833 899d7f27 beb16a91 52cf765e e4390cce',
    ],
    [
      '16.2: AES-256',
      GCM_256,
      '32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f 1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13',
    ],
  ])('RTP, %s', (_, profile, expected) => {
    const srtp = open(profile);
    expect(testSrtp.encryptBody(srtp, 0x5501a0b2, 0xf17b, hex(RTP_HEAD), hex(RTP_BODY))).toEqual(hex(expected));
    expect(testSrtp.unprotect(srtp, hex(RTP_HEAD + expected), false)).toEqual(hex(RTP_HEAD + RTP_BODY));
  });

  it.each([
    [
      '17.1: AES-128',
      GCM_128,
      `81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46 86303ded 0bb9275b
       c84aa458 96cf4d2f c5abf872 45d9eade 800005d4`,
    ],
    [
      '17.2: AES-256',
      GCM_256,
      `81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1 110555be 8415f658 c61de047 6f1b6fad
       1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4`,
    ],
  ])('RTCP, %s', (_, profile, expected) => {
    const srtp = open(profile);
    testSrtp.setRtcpIndex(srtp, 0x5d3);
    expect(testSrtp.protectRtcp(srtp, hex(RTCP))).toEqual(hex(expected));
    expect(testSrtp.unprotect(srtp, hex(expected), true)).toEqual(hex(RTCP));
  });

  it('RTCP that is signed only, 17.3: AES-128', () => {
    const srtp = open(GCM_128);
    expect(testSrtp.unprotect(srtp, hex(`${RTCP} 841dd968 3dd78ec9 2ae58790 125f62b3 000005d4`), true)).toEqual(
      hex(RTCP),
    );
  });
});
