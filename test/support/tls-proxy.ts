import { connect, type AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { selfSigned } from './self-signed.js';

/** TLS in front of a plain server, with a certificate that nobody has signed. */
export async function startTlsProxy(port: number): Promise<{ port: number; stop(): Promise<void> }> {
  const server = createServer(selfSigned('localhost'), (client) => {
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
