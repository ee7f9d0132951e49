import { expect, it } from 'vitest';
import { MessageBudget, SocketsOfAddresses } from './sdk-limits.js';

it('a connection may send sixty messages at once, and ten a second from then on', () => {
  const budget = new MessageBudget(1000);
  expect(Array.from({ length: 61 }, () => budget.take(1000)).filter(Boolean)).toHaveLength(60);
  expect([budget.take(1090), budget.take(1110), budget.take(1120)]).toEqual([false, true, false]);
  // What is not used is kept, up to the sixty.
  expect(Array.from({ length: 100 }, () => budget.take(1_000_000)).filter(Boolean)).toHaveLength(60);
});

it('an address may have so many sockets, and others are not concerned', () => {
  const sockets = new SocketsOfAddresses(2);
  const first = sockets.enter('192.0.2.1');
  sockets.enter('192.0.2.1');
  expect(sockets.enter('192.0.2.1')).toBeNull();
  expect(sockets.enter('::ffff:192.0.2.1')).toBeNull();
  expect(sockets.enter('192.0.2.2')).not.toBeNull();
  first?.();
  expect(sockets.enter('192.0.2.1')).not.toBeNull();
  // All addresses of one IPv6 network.
  sockets.enter('2001:db8::1');
  sockets.enter('2001:db8::2');
  expect(sockets.enter('2001:db8::3')).toBeNull();
  expect(new SocketsOfAddresses(0).enter('192.0.2.1')).not.toBeNull();
});
