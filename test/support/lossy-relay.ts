import { createSocket } from 'node:dgram';
import type { AddressInfo } from 'node:net';

/** A UDP relay on loopback that loses packets and takes its time: the network between a publisher and its node. */
export interface LossyRelay {
  /** Leaves the publisher's own candidates out: the node must not find a way around the relay. */
  mapOffer: (sdp: string) => string;
  /** Leads the answer's first candidate through the relay and leaves the others out. */
  mapAnswer: (sdp: string) => string;
  /** Share of packets lost, in each direction. */
  loss: number;
  lost: number;
  /** Extra time on the way, in each direction. */
  delayMs: number;
  stop(): Promise<void>;
}

export async function startLossyRelay(loss: number, delayMs = 0): Promise<LossyRelay> {
  const outer = createSocket('udp4');
  const inner = createSocket('udp4');
  await Promise.all(
    [outer, inner].map((socket) => new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))),
  );
  let isOpen = true;
  let node = 0;
  let publisher: { port: number; address: string } | null = null;
  // A generator of our own: the same losses in every run.
  let seed = 42;
  const relay: LossyRelay = {
    loss,
    lost: 0,
    delayMs,
    mapOffer: (sdp) => sdp.replace(/^a=candidate:.*\r\n/gm, ''),
    mapAnswer: (sdp) => {
      node = Number(/^a=candidate:\S+ 1 UDP \d+ 127\.0\.0\.1 (\d+) typ host/im.exec(sdp)?.[1]);
      const line = `a=candidate:1 1 UDP 2015363327 127.0.0.1 ${(outer.address() as AddressInfo).port} typ host`;
      return sdp
        .replace(/^a=candidate:.*\r\n/gm, '')
        .replace(/^a=end-of-candidates\r\n/gm, `${line}\r\na=end-of-candidates\r\n`);
    },
    stop: async () => {
      isOpen = false;
      outer.close();
      inner.close();
    },
  };
  const isLost = (packet: Buffer): boolean => {
    // STUN and DTLS have retransmissions of their own, but seconds of them would only slow the test down.
    if ((packet[0] as number) < 128) return false;
    seed = (seed * 48_271) % 2_147_483_647;
    const lost = seed / 2_147_483_647 < relay.loss;
    if (lost) relay.lost += 1;
    return lost;
  };
  const deliver = (packet: Buffer, send: () => void): void => {
    if (isLost(packet)) return;
    if (relay.delayMs === 0) send();
    else setTimeout(() => isOpen && send(), relay.delayMs);
  };
  outer.on('message', (packet, from) => {
    publisher = from;
    deliver(packet, () => inner.send(packet, node, '127.0.0.1'));
  });
  inner.on('message', (packet) => {
    const to = publisher;
    if (to) deliver(packet, () => outer.send(packet, to.port, to.address));
  });
  return relay;
}
