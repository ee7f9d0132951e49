// Nothing that a customer writes makes us reach into our own network: every spelling of a private address, against canaries on
// all of this machine's loopback addresses that must not be touched.
import { type AddressInfo, createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { probe } from '../apps/pipeline/src/probe/probe.js';
import { AllowList } from '../libs/net/src/index.js';
import { TransferError, TransferUrl } from '../libs/transfer/src/index.js';
import { startApp, type TestApp, type TestCustomer } from './support/app.js';

let api: TestApp;
let alice: TestCustomer;
let canaries: Server[];
let port: number;
let hits = 0;

/** Listens on every address of this machine, on one port. */
async function startCanaries(): Promise<void> {
  const listen = (host: string, at: number): Promise<Server> =>
    new Promise((resolve, reject) => {
      const server = createServer((socket) => {
        hits += 1;
        socket.destroy();
      });
      server.once('error', reject).listen({ host, port: at, ipv6Only: host === '::' }, () => resolve(server));
    });
  const v4 = await listen('0.0.0.0', 0);
  ({ port } = v4.address() as AddressInfo);
  canaries = [v4];
  // A machine may have no IPv6 at all.
  if (own.some(({ family }) => family === 'IPv6') || networkInterfaces().lo?.some(({ family }) => family === 'IPv6'))
    canaries.push(await listen('::', port));
}

beforeAll(async () => {
  await startCanaries();
  api = await startApp({ ALLOWED_PRIVATE_HOSTS: '', CALLBACK_TIMEOUT_MS: '1000' });
  alice = await api.customer();
});
afterAll(async () => {
  await api?.stop();
  for (const canary of canaries ?? []) canary.close();
});

const own = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .filter(({ internal }) => !internal);

/** Hosts as they may be spelled; all of them lead here, or to where nobody outside may go. */
const HOSTS = [
  '127.0.0.1',
  '127.1',
  '127.0.1',
  '2130706433',
  '0x7f000001',
  '0x7f.1',
  '0177.0.0.1',
  '0177.1',
  '017700000001',
  '127.000.000.001',
  '127.255.255.254',
  '0',
  '0.0.0.0',
  '0x0',
  'localhost',
  'LOCALHOST',
  'localhost.',
  'loc%61lhost',
  '127%2e0%2e0%2e1',
  '①②⑦.⓪.⓪.①',
  '127。0。0。1',
  '１２７.0.0.1',
  'loc\u00adalhost',
  '[::1]',
  '[0:0:0:0:0:0:0:1]',
  '[::]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[::7f00:1]',
  '[::127.0.0.1]',
  '[64:ff9b::7f00:1]',
  '[2002:7f00:1::1]',
  '[fe80::1]',
  '[fe80::1%25lo]',
  '[fd00:ec2::254]',
  '10.0.0.1',
  '172.16.0.1',
  '192.168.0.1',
  '169.254.169.254',
  '100.64.0.1',
  '168.63.129.16',
  '192.0.0.192',
  '198.18.0.1',
  '224.0.0.1',
  '255.255.255.255',
  ...own.map(({ address, family }) => (family === 'IPv6' ? `[${address}]` : address)),
];
const AROUND = [
  'good.example@127.0.0.1',
  'good.example\\@127.0.0.1',
  '127.0.0.1#@good.example',
  '127.0.0.1?@good.example',
  'good.example\t@127.0.0.1',
];

describe('a callbackUrl', () => {
  const FORBIDDEN = new Set(['callback_address_forbidden', 'callback_dns_failed']);

  it.each([...HOSTS, ...AROUND].flatMap((host) => [`http://${host}:PORT/`, `https://${host}:PORT/`]))(
    '%s reaches nothing',
    async (pattern) => {
      const callbackUrl = pattern.replace('PORT', String(port));
      const answer = await alice.call(
        'POST',
        `/v1/projects/${alice.appid}/fls/entry_points/live/settings/transfer/test`,
        { callbackUrl },
      );
      const { delivery } = answer.body as { delivery?: { outcome: string } };
      expect(answer.status === 400 || (delivery !== undefined && FORBIDDEN.has(delivery.outcome)), answer.text).toBe(
        true,
      );
      expect(hits).toBe(0);
    },
  );
});

/** What a transfer to this URL comes to: the reason's code, or null for a publish that was accepted. */
async function tried(url: string, allowed: AllowList): Promise<string | null> {
  try {
    return (await probe(TransferUrl.parse(url).target, {}, allowed)).code;
  } catch (error) {
    if (error instanceof TransferError) return error.code;
    throw error;
  }
}

describe('a transfer URL', () => {
  const nothing = AllowList.parse('');
  const FORBIDDEN = new Set(['address_forbidden', 'dns_failed', 'url_invalid']);

  it.each([...HOSTS, ...AROUND].flatMap((host) => [`rtmp://${host}:PORT/app/key`, `rtmps://${host}:PORT/app/key`]))(
    '%s reaches nothing',
    async (pattern) => {
      const code = await tried(pattern.replace('PORT', String(port)), nothing);
      expect(FORBIDDEN.has(code ?? 'ok'), String(code)).toBe(true);
      expect(hits).toBe(0);
    },
  );

  it.each([
    'rtmp://h/a/k" filesrc location=/etc/passwd ! filesink location="/tmp/p',
    'rtmp://h/a/k socks=127.0.0.1:1080 live=1',
    'rtmp://h/a/k\r\nX',
    'rtmp:///a/k',
    'file:///etc/passwd',
    'srt://h:1',
    'rtmpt://h/a/k',
    'http://h/a/k',
    'rtmp://h',
    '//h/a/k',
    'javascript:alert(1)',
    'rtmp://h:0/a/k',
    'rtmp://h:99999/a/k',
    `rtmp://h/a/${'k'.repeat(5000)}`,
  ])('%s is refused before anything is tried', (url) => {
    expect(() => TransferUrl.parse(url)).toThrow(TransferError);
  });
});

it('the canaries would have noticed', async () => {
  const before = hits;
  const code = await tried(`rtmp://127.0.0.1:${port}/app/key`, AllowList.parse('127.0.0.1'));
  expect([code, hits]).toEqual(['handshake_failed', before + 1]);
});
