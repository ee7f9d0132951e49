import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';

/** TLS in front of a plain server, with a certificate that nobody has signed. */
export async function startTlsProxy(port: number): Promise<{ port: number; stop(): Promise<void> }> {
  const dir = mkdtempSync(join(tmpdir(), 'tls-'));
  const files = ['-keyout', join(dir, 'key'), '-out', join(dir, 'cert')];
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=localhost',
      ...files,
    ],
    { stdio: 'ignore' },
  );
  const [key, cert] = ['key', 'cert'].map((name) => readFileSync(join(dir, name)));
  rmSync(dir, { recursive: true });
  const server = createServer({ key, cert }, (client) => {
    const upstream = connect(port, '127.0.0.1');
    client
      .on('error', () => upstream.destroy())
      .pipe(upstream)
      .on('error', () => client.destroy())
      .pipe(client);
  });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
