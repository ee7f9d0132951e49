import type { AddressInfo } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { AllowList } from '#libs/net';
import { closeAll, connect, failure, KEY, open, server } from '../../../../../test/support/rtmp-publishing.js';
import { selfSigned } from '../../../../../test/support/self-signed.js';

afterEach(closeAll);

describe('RTMPS', () => {
  const tls = selfSigned('platform.example', 'DNS:platform.example,IP:127.0.0.1');
  const lookup = async () => [{ address: '127.0.0.1', family: 4 as const }];
  const where = { scheme: 'rtmps', host: 'platform.example' };

  it('names the host (SNI) and verifies its certificate', async () => {
    const rtmp = await server({ tls });
    await connect(rtmp.port, { lookup, ca: tls.cert }, where);
    expect(rtmp.serverNames).toEqual(['platform.example']);
    expect((await failure(rtmp.port, { lookup, ca: tls.cert }, { ...where, host: 'other.example' })).code).toBe(
      'tls_certificate',
    );
    expect((await failure(rtmp.port, { lookup }, where)).code).toBe('tls_certificate');
  });

  it('names no host that is an address, and leaves out the dot of the root', async () => {
    const rtmp = await server({ tls });
    await connect(rtmp.port, { ca: tls.cert }, { scheme: 'rtmps' });
    await connect(rtmp.port, { lookup, ca: tls.cert }, { ...where, host: 'platform.example.' });
    expect(rtmp.serverNames).toEqual([false, 'platform.example']);
    expect(
      (
        await failure(
          rtmp.port,
          {
            ca: tls.cert,
            allowList: AllowList.parse('127.0.0.0/8'),
            lookup: async () => [{ address: '127.0.0.1', family: 4 }],
          },
          { ...where, host: '127.0.0.1.example' },
        )
      ).code,
    ).toBe('tls_certificate');
  });

  it('does not take a certificate that the server misses for one of the server', async () => {
    const picky = createTlsServer({ ...tls, maxVersion: 'TLSv1.2', requestCert: true }).on(
      'tlsClientError',
      () => undefined,
    );
    await new Promise<void>((resolve) => picky.listen(0, '127.0.0.1', resolve));
    open.push(() => picky.close());
    const error = await failure((picky.address() as AddressInfo).port, { lookup, ca: tls.cert }, where);
    expect(error).toMatchObject({ code: 'tls_failed' });
    for (const secret of [KEY, 'k3y-SECRET', 't0ken']) expect(String(error)).not.toContain(secret);
  });

  it('verifies nothing for a transfer that says so', async () => {
    const rtmp = await server({ tls });
    await connect(rtmp.port, { lookup, tlsVerify: false }, where);
    expect(rtmp.commands.at(-1)?.[0]).toBe('publish');
  });

  it('tells a server that does not speak TLS from one that is silent', async () => {
    const plain = await server({ handshake: { say: 'hello\r\n' } });
    expect((await failure(plain.port, { lookup }, where)).code).toBe('tls_failed');
    const silent = await server({ handshake: 'ignore' });
    expect((await failure(silent.port, { lookup }, where)).code).toBe('tls_failed');
  });
});
