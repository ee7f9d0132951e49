import { describe, expect, it } from 'vitest';
import { type Address, AllowList, ForbiddenAddress, isPublicAddress, resolveAllowed } from './addresses.js';

describe('isPublicAddress', () => {
  it.each([
    '1.1.1.1',
    '8.8.8.8',
    '93.184.216.34',
    '172.15.255.255',
    '172.32.0.1',
    '192.167.1.1',
    '223.255.255.1',
    '9.255.255.255',
    '11.0.0.1',
    '100.63.255.255',
    '100.128.0.1',
    '126.255.255.255',
    '128.0.0.1',
    '169.253.255.255',
    '169.255.0.1',
    '192.0.1.1',
    '198.17.255.255',
    '198.20.0.1',
    '2001:200::1',
    '2003::1',
    '2c0f::1',
    '2606:4700::1111',
    '2a00:1450:4001::1',
    '2001:4860:4860::8888',
  ])('says yes to %s', (address) => expect(isPublicAddress(address)).toBe(true));

  it.each([
    '0.0.0.0',
    '0.1.2.3',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.0.1',
    '192.0.0.1',
    '192.0.2.1',
    '198.18.0.1',
    '198.19.255.255',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '239.255.255.255',
    '240.0.0.1',
    '255.255.255.255',
    '192.88.99.1',
    '127.0.0.1.',
    ' 127.0.0.1',
    '127.0.0.1:80',
    '[::1]',
    '::127.0.0.1',
    '::8.8.8.8',
    '0:0:0:0:0:0:0:1',
    '0000::0001',
    'FE80::1',
    'fe80::1%eth0',
    'febf::1',
    'fdff::1',
    'ff0e::1',
    '::FFFF:169.254.169.254',
    '::ffff:0:127.0.0.1',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b::8.8.8.8',
    '2002:a9fe:a9fe::1',
    '2001:20::1',
    '2001:2::1',
    '2001:1ff:ffff::1',
    '2001:db8:ffff::1',
    '100::ffff',
    '5f00::1',
    '::',
    '::1',
    'fe80::1',
    'fc00::1',
    'fd12:3456::1',
    'ff02::1',
    '::ffff:127.0.0.1',
    '::ffff:8.8.8.8',
    '::ffff:a9fe:a9fe',
    '64:ff9b::7f00:1',
    '64:ff9b:1::1',
    '2002:7f00:1::',
    '2002:0808:0808::1',
    '2001::1',
    '2001:0:7f00:1::1',
    '2001:db8::1',
    '2001:10::1',
    '3fff::1',
    '100::1',
    '4000::1',
    'fec0::1',
    'localhost',
    '',
    '127.1',
    '0x7f.1',
    '2130706433',
    '134744072',
    '8.8',
    '010.8.8.8',
    '1.2.3.4.5',
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

  it.each([
    '10.0.0.0/99',
    '10.0.0/8',
    '10.1/16',
    'x/8',
    '/8',
    'http://x',
    'a b',
    'host:',
    'host:0',
    'host:65536',
    'host:http',
    ':80',
    '[::zz]:80',
    '[127.0.0.1]:80',
    '[::1',
    '::1]:80',
    '10.0.0.0/8:80',
    'ä',
  ])('refuses %s, and names it', (entry) => {
    expect(() => AllowList.parse(`ok.example,${entry}`)).toThrow(`ALLOWED_PRIVATE_HOSTS: "${entry}" is not`);
  });

  it.each([
    ['::1/128', 'x', 1, '::1', true],
    ['0.0.0.0/0', 'x', 1, '::1', false],
    ['0.0.0.0/0', 'x', 1, '::ffff:127.0.0.1', false],
    ['10.1.2.3:80', 'x', 80, '10.1.2.3', true],
    ['10.1.2.3:80', 'x', 81, '10.1.2.3', false],
    ['[fd00::1]:80', 'x', 80, 'fd00:0:0::1', true],
    ['a.example', 'b.a.example', 1, '10.0.0.1', false],
    ['a.example', 'xa.example', 1, '10.0.0.1', false],
    [' , ,a.example, ', 'a.example', 1, '10.0.0.1', true],
  ])('%j on %s:%i at %s: %s', (text, host, port, address, permitted) => {
    expect(AllowList.parse(text).permits(host, port, address)).toBe(permitted);
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
    expect(await resolveAllowed('8.8.8.8', 1935, none, answers())).toEqual([{ address: '8.8.8.8', family: 4 }]);
  });

  it.each([
    ['a.example', ['127.0.0.1']],
    ['a.example', ['8.8.8.8', '169.254.169.254']],
    ['a.example', ['127.0.0.1', '8.8.8.8']],
    ['a.example', ['2606:4700::1', '::ffff:8.8.8.8']],
    ['2130706433', ['127.0.0.1']],
    ['127.1', ['127.0.0.1']],
    ['0x7f.1', ['127.0.0.1']],
    ['0', ['0.0.0.0']],
    ['127.0.0.1', []],
    ['::1', []],
  ])('refuses %s at %j', async (host, addresses) => {
    await expect(resolveAllowed(host, 80, none, answers(...addresses))).rejects.toThrow(ForbiddenAddress);
  });

  it('refuses a public address that is our own, unless it is allowed', async () => {
    const own = new Set(['8.8.8.8', '2606:4700:0:0:0:0:0:1']);
    await expect(resolveAllowed('a.example', 80, none, answers('8.8.8.8'), own)).rejects.toThrow(ForbiddenAddress);
    await expect(resolveAllowed('a.example', 80, none, answers('2606:4700::1'), own)).rejects.toThrow(ForbiddenAddress);
    expect(await resolveAllowed('a.example', 80, AllowList.parse('8.8.8.8'), answers('8.8.8.8'), own)).toHaveLength(1);
  });

  it('refuses public hosts that the list names as ours, unless it allows them as well', async () => {
    const list = AllowList.parse('!api.example,!9.9.9.0/24, !2606:4700::1,!8.8.4.4,8.8.4.4:1935');
    for (const [host, ...addresses] of [
      ['a.example', '9.9.9.9'],
      ['api.example', '1.1.1.1'],
      ['API.example.', '1.1.1.1'],
      ['b.example', '1.1.1.1', '2606:4700:0::1'],
      ['c.example', '8.8.4.4'],
    ] as [string, ...string[]][]) {
      await expect(resolveAllowed(host, 443, list, answers(...addresses)), host).rejects.toThrow(ForbiddenAddress);
    }
    expect(await resolveAllowed('a.example', 443, list, answers('1.1.1.1'))).toHaveLength(1);
    expect(await resolveAllowed('c.example', 1935, list, answers('8.8.4.4'))).toHaveLength(1);
    expect(() => AllowList.parse('!http://x')).toThrow('OWN_ADDRESSES: "http://x" is not');
  });

  it('lets a private address pass that is allowed, and reports a name without any', async () => {
    expect(await resolveAllowed('127.0.0.1', 80, AllowList.parse('127.0.0.0/8'), answers())).toHaveLength(1);
    await expect(resolveAllowed('a.example', 80, none, answers())).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });

  it('asks no name server about an address, and passes on what one said', async () => {
    const asked: string[] = [];
    const lookup = async (host: string): Promise<Address[]> => {
      asked.push(host);
      throw Object.assign(new Error('x'), { code: 'EAI_AGAIN' });
    };
    expect(await resolveAllowed('2606:4700::1', 1935, none, lookup)).toEqual([{ address: '2606:4700::1', family: 6 }]);
    await expect(resolveAllowed('a.example', 1935, none, lookup)).rejects.toMatchObject({ code: 'EAI_AGAIN' });
    expect(asked).toEqual(['a.example']);
  });

  it('keeps the order of the name server', async () => {
    const found = await resolveAllowed('a.example', 1935, none, answers('2606:4700::1', '8.8.8.8', '1.1.1.1'));
    expect(found.map(({ address }) => address)).toEqual(['2606:4700::1', '8.8.8.8', '1.1.1.1']);
  });

  it('refuses all when an allowed private address comes with one that is not', async () => {
    await expect(
      resolveAllowed('a.example', 80, AllowList.parse('10.0.0.0/8'), answers('10.0.0.1', '192.168.0.1')),
    ).rejects.toThrow(ForbiddenAddress);
  });
});
