// What a stranger can take of the Web SDK's WebSocket: a number of sockets, and of messages on each.
import { networkOf } from '../../http/network.js';

/** A page sends a dozen to publish, and then one in ten seconds. */
const BURST = 60;
const PER_SECOND = 10;

/** How many messages a connection may send: BURST at once, and PER_SECOND from then on. */
export class MessageBudget {
  private left = BURST;

  /** @param now as performance.now() has it. */
  constructor(private at: number) {}

  /** Whether one more is within it. */
  take(now: number): boolean {
    this.left = Math.min(BURST, this.left + ((now - this.at) / 1000) * PER_SECOND);
    this.at = now;
    if (this.left < 1) return false;
    this.left -= 1;
    return true;
  }
}

/** Counts open sockets by the address that they come from; an IPv6 network of 64 bits is one. */
export class SocketsOfAddresses {
  private readonly open = new Map<string, number>();

  /** @param max of one address; 0: no limit. */
  constructor(private readonly max: number) {}

  /** Null when the address has as many as it may; else what is to be called once, when the socket is closed. */
  enter(ip: string | undefined): (() => void) | null {
    const key = networkOf(ip ?? '');
    const before = this.open.get(key) ?? 0;
    if (this.max > 0 && before >= this.max) return null;
    this.open.set(key, before + 1);
    return () => {
      const left = (this.open.get(key) ?? 1) - 1;
      if (left > 0) this.open.set(key, left);
      else this.open.delete(key);
    };
  }
}
