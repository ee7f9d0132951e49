import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Customer {
  /** Its callbackUrl. */
  url: string;
  /** `METHOD path?query` of every request so far. */
  requests: string[];
  stop(): Promise<void>;
}

/** A customer's server for media tests: answers each callback with what `urlsOf` gives for the stream's name: URLs, or objects with options. */
export async function startCustomer(urlsOf: (streamName: string) => (string | object)[]): Promise<Customer> {
  const requests: string[] = [];
  const server = createServer((request: IncomingMessage, response) => {
    requests.push(`${request.method} ${request.url}`);
    const streamName = new URL(request.url ?? '', 'http://localhost').searchParams.get('stream_name') ?? '';
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ transferUrls: urlsOf(streamName) }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/targets?customer=7`,
    requests,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
