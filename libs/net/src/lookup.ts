/** The addresses of other people's servers, found without tying up the whole process. */
import { lookup, Resolver } from 'node:dns/promises';
import type { Address } from './addresses.js';

/** Definite answers: there is no such name in DNS, or no DNS at all. The hosts file may still have it. */
const NOT_IN_DNS = new Set(['ENOTFOUND', 'ENODATA', 'ECONNREFUSED']);
const TRIES = 2;
/** Of an attempt's time; the rest is left to connect. */
const LOOKUP_SHARE = 0.75;

/** Lookups by the system that are under way, by name. */
const bySystem = new Map<string, Promise<Address[]>>();

/**
 * Node's own `lookup` has two threads for the whole process: eight names whose servers keep silent hold up everybody's for
 * 40 s (measured), other customers' callbacks, a stream's other transfers and our own reconnects alike. So DNS is asked
 * directly, which takes no thread and can be given up. `servers` are the system's, but for tests.
 */
export async function lookupHost(
  host: string,
  timeoutMs: number,
  signal: AbortSignal,
  servers?: string[],
): Promise<Address[]> {
  // Only the system's hosts file and search domains know these; no customer makes them slow.
  if (!host.includes('.')) return askSystem(host);
  // Twice, the second time with double patience.
  const resolver = new Resolver({ timeout: Math.ceil(timeoutMs / 4), tries: TRIES });
  if (servers) resolver.setServers(servers);
  const cancel = (): void => resolver.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  // c-ares stretches its timeouts by what it has seen of a server: the last word is ours.
  const late = setTimeout(cancel, timeoutMs * LOOKUP_SHARE);
  try {
    const [v4, v6] = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
    const found = [...addresses(v4, 4), ...addresses(v6, 6)];
    if (found.length > 0) return found;
    const [error] = [v4, v6].flatMap((answer) =>
      answer.status === 'rejected' ? [answer.reason as NodeJS.ErrnoException] : [],
    );
    const isDefinite = [v4, v6].every(
      (answer) => answer.status === 'rejected' && NOT_IN_DNS.has((answer.reason as NodeJS.ErrnoException).code ?? ''),
    );
    // One at a time: a name server that denies first and keeps silent afterwards blocks one thread, not both.
    if (isDefinite && (bySystem.size === 0 || bySystem.has(host))) return await askSystem(host);
    if (error?.code === 'ECANCELLED' && !signal.aborted)
      throw Object.assign(new Error('no answer in time'), { code: 'ETIMEOUT' });
    throw error ?? Object.assign(new Error('no address'), { code: 'ENODATA' });
  } finally {
    clearTimeout(late);
    signal.removeEventListener('abort', cancel);
  }
}

function addresses(answer: PromiseSettledResult<string[]>, family: 4 | 6): Address[] {
  return answer.status === 'fulfilled' ? answer.value.map((address) => ({ address, family })) : [];
}

function askSystem(host: string): Promise<Address[]> {
  const asked =
    bySystem.get(host) ??
    lookup(host, { all: true, verbatim: true })
      .then((found) => found as Address[])
      .finally(() => bySystem.delete(host));
  bySystem.set(host, asked);
  return asked;
}
