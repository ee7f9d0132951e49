import { describe, expect, it } from 'vitest';
import { type Address, AllowList, ForbiddenAddress, isPublicAddress, resolveAllowed } from './addresses.js';

describe('isPublicAddress', () => {
  it.each(['1.1.1.1', '8.8.8.8', '93.184.216.34', '172.15.255.255', '172.32.0.1', '192.167.1.1', '223.255.255.1', '2606:4700::1111', '2a00:1450:4001::1', '2001:4860:4860::8888'])(
    'says yes to %s',
    (address) => expect(isPublicAddress(address)).toBe(true),
  );

  it.each([
    '0.0.0.0', '0.1.2.3', '10.1.2.3', '100.64.0.1', '127.0.0.1', '127.255.255.254', '169.254.169.254', '172.16.0.1', '172.31.255.255',
    '192.168.0.1', '192.0.0.1', '192.0.2.1', '198.18.0.1', '198.19.255.255', '198.51.100.1', '203.0.113.1', '224.0.0.1', '239.255.255.255',
    '240.0.0.1', '255.255.255.255', '::', '::1', 'fe80::1', 'fc00::1', 'fd12:3456::1', 'ff02::1', '::ffff:127.0.0.1', '::ffff:8.8.8.8',
    '::ffff:a9fe:a9fe', '64:ff9b::7f00:1', '64:ff9b:1::1', '2002:7f00:1::', '2002:0808:0808::1', '2001::1', '2001:0:7f00:1::1',
    '2001:db8::1', '2001:10::1', '3fff::1', '100::1', '4000::1', 'fec0::1', 'localhost', '', '127.1', '0x7f.1', '2130706433', '1.2.3.4.5',
  ])('says no to %s', (address) => expect(isPublicAddress(address)).toBe(false));
});

describe('AllowList', () => {
  const list = AllowList.parse('127.0.0.0/8, localhost:1935,[::1]:80, fd00::/8 ,10.1.2.3,Rtmp.Internal');

  it.each([
    ['x', 1, '127.9.9.9', true],
    ['localhost', 1935, '192.168.1.1', true],
    ['localhost', 1936, '192.168.1.1', false],
    ['x', 80, '::1', true],
    ['x', 81, '::1', false],
    ['x', 5, 'fd12::1', true],
    ['x', 5, 'fe80::1', false],
    ['x', 5, '10.1.2.3', true],
    ['x', 5, '10.1.2.4', false],
    ['RTMP.internal', 5, '10.9.9.9', true],
  ])('on %s:%i at %s: %s', (host, port, address, permitted) => {
    expect(list.permits(host, port, address)).toBe(permitted);
  });

  it('of nothing permits nothing, and says what it does not understand', () => {
    expect(AllowList.parse('').permits('localhost', 1, '127.0.0.1')).toBe(false);
    expect(() => AllowList.parse('ok.example,10.0.0.0/99')).toThrow('"10.0.0.0/99" is not a CIDR');
    expect(() => AllowList.parse('http://x')).toThrow('ALLOWED_PRIVATE_HOSTS');
  });
});

describe('resolveAllowed', () => {
  const none = AllowList.parse('');
  const answers =
    (...addresses: string[]) =>
    async (): Promise<Address[]> =>
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));

  it('gives the addresses that were checked', async () => {
    expect(await resolveAllowed('a.example', 1935, none, answers('8.8.8.8', '2606:4700::1'))).toHaveLength(2);
    expect(await resolveAllowed('8.8.8.8', 1935, none)).toEqual([{ address: '8.8.8.8', family: 4 }]);
  });

  it.each([
    ['a.example', ['127.0.0.1']],
    ['a.example', ['8.8.8.8', '169.254.169.254']],
    ['127.0.0.1', []],
    ['::1', []],
  ])('refuses %s at %j', async (host, addresses) => {
    await expect(resolveAllowed(host, 80, none, answers(...addresses))).rejects.toThrow(ForbiddenAddress);
  });

  it('lets a private address pass that is allowed, and reports a name without any', async () => {
    expect(await resolveAllowed('127.0.0.1', 80, AllowList.parse('127.0.0.0/8'))).toHaveLength(1);
    await expect(resolveAllowed('a.example', 80, none, answers())).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });
});
