import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type NameServer, startNameServer } from '../../../test/support/name-server.js';
import { lookupHost } from './lookup.js';

const V4 = '192.0.2.1';
const V6 = '2001:db8::1';
/** By the first label of the name. */
const ANSWERS: Record<string, (family: 4 | 6) => string[] | 'unknown' | 'silence'> = {
  v4: (family) => (family === 4 ? [V4] : []),
  both: (family) => [family === 4 ? V4 : V6],
  none: () => 'unknown',
  silent: () => 'silence',
  v6silent: (family) => (family === 4 ? [V4] : 'silence'),
};

let server: NameServer;
let servers: string[];
beforeAll(async () => {
  server = await startNameServer((name, family) =>
    (ANSWERS[name.split('.', 1)[0] as string] as (typeof ANSWERS)[string])(family),
  );
  servers = [server.address];
});
afterAll(() => server.stop());

/** c-ares waits for 250 ms at least, whatever it is told. */
const TIMEOUT_MS = 2000;
const never = new AbortController().signal;
const ask = (host: string, signal = never) => lookupHost(host, TIMEOUT_MS, signal, servers);
const v4 = { address: V4, family: 4 };

describe('lookupHost', () => {
  it('gives the addresses of both families, or of the one that answers', async () => {
    expect(await ask('both.customer.example')).toEqual([v4, { address: V6, family: 6 }]);
    expect(await ask('v4.customer.example')).toEqual([v4]);
    expect(await ask('v6silent.customer.example')).toEqual([v4]);
  });

  it('says so when there is no such name, and when nobody answers', async () => {
    await expect(ask('none.customer.invalid')).rejects.toMatchObject({ code: 'ENOTFOUND' });
    const started = performance.now();
    await expect(ask('silent.customer.example')).rejects.toMatchObject({ code: 'ETIMEOUT' });
    expect(performance.now() - started).toBeLessThan(TIMEOUT_MS);
  });

  it('leaves names without a dot to the system', async () => {
    expect(await ask('localhost')).toContainEqual({ address: '127.0.0.1', family: 4 });
  });

  it('is given up at once when its attempt is', async () => {
    const attempt = new AbortController();
    const asked = ask('silent.customer.example', attempt.signal);
    attempt.abort();
    await expect(asked).rejects.toMatchObject({ code: 'ECANCELLED' });
  });

  it('is not held up by many names whose servers keep silent', async () => {
    // Not more: what the receive buffer of this test's server cannot hold is lost.
    const silent = Array.from({ length: 40 }, (_, i) =>
      lookupHost(`silent.customer${i}.example`, TIMEOUT_MS, AbortSignal.timeout(TIMEOUT_MS), servers).catch(
        () => undefined,
      ),
    );
    const started = performance.now();
    expect(await ask('v4.customer.example')).toEqual([v4]);
    expect(await ask('localhost')).not.toEqual([]);
    expect(performance.now() - started).toBeLessThan(TIMEOUT_MS / 2);
    await Promise.all(silent);
  });
});
