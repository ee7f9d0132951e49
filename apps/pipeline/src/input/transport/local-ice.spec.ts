import type { NetworkInterfaceInfo } from 'node:os';
import { describe, expect, it } from 'vitest';
import { candidatesOf, machineAddresses, newCredentials } from './local-ice.js';

const at = (address: string, internal = false) => ({ address, internal }) as NetworkInterfaceInfo;

describe('machineAddresses', () => {
  it.each<[string, Record<string, NetworkInterfaceInfo[]>, string[]]>([
    [
      'what others can reach',
      { lo: [at('127.0.0.1', true), at('::1', true)], eth0: [at('192.0.2.1'), at('2001:db8::1'), at('fe80::1')] },
      ['192.0.2.1', '2001:db8::1'],
    ],
    [
      'loopback where there is nothing else',
      { lo: [at('127.0.0.1', true), at('::1', true)], eth0: [at('fe80::1')] },
      ['127.0.0.1', '::1'],
    ],
    ['nothing', {}, []],
  ])('%s', (_, interfaces, expected) => {
    expect(machineAddresses(interfaces)).toEqual(expected);
  });
});

describe('candidatesOf', () => {
  it('names IPv4 first, then IPv6, then how a STUN server sees them, with falling priorities', () => {
    const lines = candidatesOf([
      { address: '2001:db8::1', port: 1 },
      { address: '10.0.0.1', port: 2, mapped: { address: '192.0.2.9', port: 3 } },
    ]);
    expect(lines.map((line) => line.split(' ').slice(4).join(' '))).toEqual([
      '10.0.0.1 2 typ host',
      '2001:db8::1 1 typ host',
      '192.0.2.9 3 typ srflx raddr 10.0.0.1 rport 2',
    ]);
    const priorities = lines.map((line) => Number(line.split(' ')[3]));
    expect(priorities).toEqual(priorities.toSorted((a, b) => b - a));
    expect(priorities[0]).toBe(2_130_706_431);
    expect(new Set(lines.map((line) => line.split(' ')[0])).size).toBe(3);
  });

  it('leaves out what a STUN server sees unchanged', () => {
    expect(candidatesOf([{ address: '192.0.2.1', port: 2, mapped: { address: '192.0.2.1', port: 2 } }])).toHaveLength(
      1,
    );
  });
});

it('credentials are as RFC 8839 wants them, and new each time', () => {
  const [one, other] = [newCredentials(), newCredentials()];
  for (const { ufrag, pwd } of [one, other]) {
    expect(ufrag).toMatch(/^[A-Za-z0-9+/]{4,256}$/);
    expect(pwd).toMatch(/^[A-Za-z0-9+/]{22,256}$/);
  }
  expect(one).not.toEqual(other);
});
