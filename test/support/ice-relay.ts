import { createSocket } from 'node:dgram';
import type { AddressInfo } from 'node:net';
import { StunPeer } from './stun-peer.js';

const USE_CANDIDATE = Buffer.from([0, 0x25, 0, 0]);

/** A network between a publisher and its node that can give the publisher another address, as a NAT or a phone does. */
export interface IceRelay {
  /** Leads the answer's first candidate through the relay and leaves the others out. */
  mapAnswer: (sdp: string) => Promise<string>;
  /** The last check of the publisher that nominated its path. */
  nomination: () => Buffer;
  /** Where the node sees the publisher now. */
  way: () => StunPeer;
  /** One more address, which nothing uses yet. */
  openWay: () => Promise<StunPeer>;
  /** The node sees the publisher there from now on. */
  moveTo: (way: StunPeer) => void;
  stop(): Promise<void>;
}

export async function startIceRelay(): Promise<IceRelay> {
  const outer = createSocket('udp4');
  await new Promise<void>((resolve) => outer.bind(0, '127.0.0.1', resolve));
  const ways: StunPeer[] = [];
  let candidate = '';
  let current: StunPeer | undefined;
  let nomination: Buffer | undefined;
  let publisher: { port: number; address: string } | undefined;
  const known = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error('nothing has come through the relay yet');
    return value;
  };
  const openWay = async (): Promise<StunPeer> => {
    const way = await StunPeer.open(candidate);
    way.onPacket = (packet) => {
      if (way === current && publisher) outer.send(packet, publisher.port, publisher.address);
    };
    ways.push(way);
    return way;
  };
  outer.on('error', () => undefined);
  outer.on('message', (packet, from) => {
    publisher = from;
    if ((packet[0] ?? 0) <= 3 && packet.includes(USE_CANDIDATE)) nomination = packet;
    current?.send(packet);
  });
  return {
    mapAnswer: async (sdp) => {
      candidate = /^a=candidate:(\S+ 1 UDP \d+ 127\.0\.0\.1 \d+ typ host)/im.exec(sdp)?.[1] ?? '';
      current = await openWay();
      const line = `a=candidate:1 1 UDP 2015363327 127.0.0.1 ${(outer.address() as AddressInfo).port} typ host`;
      return sdp
        .replace(/^a=candidate:.*\r\n/gm, '')
        .replace(/^a=end-of-candidates\r\n/gm, `${line}\r\na=end-of-candidates\r\n`);
    },
    nomination: () => known(nomination),
    way: () => known(current),
    openWay,
    moveTo: (way) => (current = way),
    stop: async () => {
      for (const way of ways) way.close();
      outer.close();
    },
  };
}
