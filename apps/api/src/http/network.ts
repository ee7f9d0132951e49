import ipaddr from 'ipaddr.js';
import { LRUCache } from 'lru-cache';

/** One host of IPv6 has a whole network of addresses. */
const IPV6_NETWORK_PARTS = 4;

/** What counts as one client by its address: an IPv4 address, or an IPv6 network of 64 bits. */
export function networkOf(ip: string): string {
  const known = networks.get(ip);
  if (known !== undefined) return known;
  const network = find(ip);
  networks.set(ip, network);
  return network;
}

/** Of addresses that asked a moment ago. */
const networks = new LRUCache<string, string>({ max: 10_000 });

function find(ip: string): string {
  if (!ipaddr.isValid(ip)) return ip;
  const address = ipaddr.process(ip);
  return address instanceof ipaddr.IPv6
    ? address.parts
        .slice(0, IPV6_NETWORK_PARTS)
        .map((part) => part.toString(16))
        .join(':')
    : address.toString();
}
