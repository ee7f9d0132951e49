/** Our side of ICE (RFC 8445, RFC 8839): addresses to listen on, credentials, candidates. */
import { randomBytes } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { isIPv4, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MediaTransport } from '#libs/webrtc';
import { within } from '../../process/deadlines.js';

const STUN_PORT = 3478;
/** A name server that does not answer must not keep a publisher waiting. */
const STUN_NAME_MS = 1000;
/** When the question is asked, and asked again (RFC 8489, section 6.2.1, with less patience: a publisher waits). */
const STUN_ASK_MS = [0, 100, 200, 300];
/** After the last question. */
const STUN_LAST_WAIT_MS = 400;
/** 64 and 144 random bits; RFC 8445, section 5.3, wants 24 and 128. */
const UFRAG_BYTES = 8;
const PWD_BYTES = 18;

/** One of our sockets, and how a STUN server sees it. */
export interface LocalAddress {
  address: string;
  port: number;
  mapped?: { address: string; port: number };
}

/** Base64 has only characters that RFC 8839 allows. */
export const newCredentials = (): { ufrag: string; pwd: string } => ({
  ufrag: randomBytes(UFRAG_BYTES).toString('base64').replaceAll('=', ''),
  pwd: randomBytes(PWD_BYTES).toString('base64'),
});

/** Every address of this machine that somebody else can reach; its loopback ones only where there are no others. */
export function machineAddresses(interfaces = networkInterfaces()): string[] {
  const all = Object.values(interfaces).flatMap((addresses) => addresses ?? []);
  const usable = all.filter(({ address }) => isIPv4(address) || (isIPv6(address) && !/^fe[89ab]/i.test(address)));
  const outside = usable.filter(({ internal }) => !internal);
  return (outside.length > 0 ? outside : usable).map(({ address }) => address);
}

/**
 * Candidates of our sockets. UDP host candidates of IPv4 first: FFmpeg takes the first usable one of the first section. Then those of IPv6,
 * and at the end what a STUN server saw (RFC 8445, section 5.1.2.1: priorities).
 */
export function candidatesOf(sockets: LocalAddress[]): string[] {
  const byFamily = sockets.toSorted((a, b) => Number(isIPv6(a.address)) - Number(isIPv6(b.address)));
  const priority = (type: number, index: number): number => type * 2 ** 24 + (65_535 - index) * 256 + 255;
  const hosts = byFamily.map(
    ({ address, port }, i) => `${i + 1} 1 UDP ${priority(126, i)} ${address} ${port} typ host`,
  );
  const seen = byFamily.flatMap(({ address, port, mapped }, i) => {
    if (!mapped || (mapped.address === address && mapped.port === port)) return [];
    return [
      `${i + 1 + byFamily.length} 1 UDP ${priority(100, i)} ${mapped.address} ${mapped.port} typ srflx raddr ${address} rport ${port}`,
    ];
  });
  return [...hosts, ...seen];
}

/** Asks a STUN server (`stun://host:port`) how it sees our sockets of its family, until all are answered. Rejects when the server is not found. */
export async function askStunServer(
  media: MediaTransport,
  url: string,
  sockets: LocalAddress[],
  answered: () => boolean,
): Promise<void> {
  const { hostname, port } = new URL(url.replace(/^stun:(\/\/)?/, 'stun://'));
  const asked = lookup(hostname.replace(/^\[|\]$/g, ''));
  const { address } = await within(asked, STUN_NAME_MS, () => new Error(`no answer within ${STUN_NAME_MS} ms`));
  if (!sockets.some((socket) => isIPv6(socket.address) === isIPv6(address))) return;
  const transaction = randomBytes(12);
  for (const waitMs of STUN_ASK_MS) {
    if (!(await quiet(waitMs, answered))) return;
    media.askStun(transaction, address, Number(port) || STUN_PORT);
  }
  await quiet(STUN_LAST_WAIT_MS, answered);
}

/** Whether it is still unanswered after this time. */
async function quiet(ms: number, answered: () => boolean): Promise<boolean> {
  for (const until = performance.now() + ms; performance.now() < until && !answered();) await sleep(10);
  return !answered();
}
