import ipaddr from 'ipaddr.js';
import { isIP, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';

export interface Address {
  address: string;
  family: 4 | 6;
}

/** A host that has addresses, but none that may be reached. */
export class ForbiddenAddress extends Error {
  readonly code = 'address_forbidden';
}

/**
 * Whether an address belongs to the public internet. IPv4 inside IPv6 (mapped, NAT64, 6to4, Teredo) is never public: those
 * forms are ways around a check, not ways to a platform. (IANA special-purpose address registries, RFC 6890.)
 */
export function isPublicAddress(text: string): boolean {
  // The library also takes octal, hexadecimal and short spellings, which mean different hosts to different readers.
  if (isIP(text) === 0 || !ipaddr.isValid(text)) return false;
  const address = ipaddr.parse(text);
  if (address.kind() === 'ipv4') return address.range() === 'unicast' && text !== AZURE_HOST;
  return (
    address.range() === 'unicast' &&
    address.match(ipaddr.parse('2000::'), 3) &&
    !SPECIAL_V6.some(([range, bits]) => address.match(ipaddr.parse(range), bits))
  );
}

/** A public address by its number; on Azure's machines it is the host below them, which gives away their settings. */
const AZURE_HOST = '168.63.129.16';

/** Inside 2000::/3 but not the open internet, whatever a library's list says: IETF protocols, documentation, 6to4. */
const SPECIAL_V6: [string, number][] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];

type Rule = { cidr: [ipaddr.IPv4 | ipaddr.IPv6, number] } | { host: string; port: number | null };

/**
 * Hosts, host:port and CIDRs that may be reached though they are not public (ALLOWED_PRIVATE_HOSTS), and with a `!` before
 * them those that may not although they are: our own (OWN_ADDRESSES). What is named as both may be reached.
 */
export class AllowList {
  private constructor(
    private readonly allowed: Rule[],
    private readonly own: Rule[],
  ) {}

  /** Throws with the offending entry. `[::1]:80` and `::1` are both understood. */
  static parse(text: string): AllowList {
    const entries = text
      .split(',')
      .map((entry) => entry.trim())
      .filter((entry) => entry !== '');
    return new AllowList(
      entries.filter((entry) => !entry.startsWith('!')).map((entry) => parseRule(entry, 'ALLOWED_PRIVATE_HOSTS')),
      entries.filter((entry) => entry.startsWith('!')).map((entry) => parseRule(entry.slice(1), 'OWN_ADDRESSES')),
    );
  }

  /** @param host as written in the URL, without brackets. @param address what it resolved to. */
  permits(host: string, port: number, address: string): boolean {
    return this.allowed.some((rule) => fits(rule, host, port, address));
  }

  /** Whether it is one of our own. */
  isOwn(host: string, port: number, address: string): boolean {
    return this.own.some((rule) => fits(rule, host, port, address));
  }
}

function fits(rule: Rule, host: string, port: number, address: string): boolean {
  if ('cidr' in rule) {
    const parsed = ipaddr.parse(address);
    return rule.cidr[0].kind() === parsed.kind() && parsed.match(rule.cidr as never);
  }
  // A name may be written with the root's dot.
  const sameHost = rule.host === host.toLowerCase().replace(/\.$/, '') || sameAddress(rule.host, address);
  return sameHost && (rule.port === null || rule.port === port);
}

function parseRule(entry: string, variable: string): Rule {
  if (entry.includes('/')) {
    // `10.1/16` would be read as 10.0.0.1/16.
    if (isIP(entry.replace(/\/.*/s, '')) === 0 || !ipaddr.isValidCIDR(entry))
      throw new Error(`${variable}: "${entry}" is not a CIDR`);
    return { cidr: ipaddr.parseCIDR(entry) };
  }
  if (isIP(entry)) return { host: entry.toLowerCase(), port: null };
  const match = /^(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::(\d{1,5}))?$/i.exec(entry);
  const host = (match?.[1] ?? '').replace(/^\[|\]$/g, '').toLowerCase();
  const port = match?.[2] === undefined ? null : Number(match[2]);
  const isHost = host !== '' && (!entry.startsWith('[') || isIPv6(host));
  if (!isHost || port === 0 || (port ?? 0) > 65_535)
    throw new Error(`${variable}: "${entry}" is not a host, host:port or CIDR`);
  return { host, port };
}

/** Asking the kernel takes longer than all else here; addresses come and go seldom. */
const OWN_FOR_MS = 5000;
let known: { addresses: Set<string>; until: number } | undefined;

/** This machine's addresses: a public one of them leads to our own services as well. */
function ownAddresses(): Set<string> {
  const now = performance.now();
  if (known === undefined || known.until < now) {
    const addresses = Object.values(networkInterfaces()).flatMap((list) =>
      (list ?? []).map(({ address }) => normalized(address)),
    );
    known = { addresses: new Set(addresses), until: now + OWN_FOR_MS };
  }
  return known.addresses;
}

const normalized = (address: string): string =>
  ipaddr.isValid(address) ? ipaddr.parse(address).toNormalizedString() : address;

const sameAddress = (a: string, b: string): boolean =>
  ipaddr.isValid(a) && ipaddr.parse(a).toNormalizedString() === ipaddr.parse(b).toNormalizedString();

type Lookup = (host: string) => Promise<Address[]>;

/**
 * The addresses of a host that may be connected to, in resolver order. One of them is then used as it is: a second lookup
 * could answer differently (DNS rebinding). If any address is forbidden, all are: a name with a public and a private
 * address is an attack or a mistake. `own` are this machine's, which count as forbidden too, as do those that the list names as ours. Throws ForbiddenAddress, or the resolver's error.
 */
export async function resolveAllowed(
  host: string,
  port: number,
  allowList: AllowList,
  lookup: Lookup,
  own: ReadonlySet<string> = ownAddresses(),
): Promise<Address[]> {
  const family = isIP(host);
  const addresses: Address[] = family === 0 ? await lookup(host) : [{ address: host, family: family as 4 | 6 }];
  if (addresses.length === 0) throw Object.assign(new Error('the host has no address'), { code: 'ENOTFOUND' });
  for (const { address } of addresses) {
    const isOwn = own.has(normalized(address)) || allowList.isOwn(host, port, address);
    if ((!isPublicAddress(address) || isOwn) && !allowList.permits(host, port, address)) {
      throw new ForbiddenAddress('the host leads to an address that may not be reached');
    }
  }
  return addresses;
}
