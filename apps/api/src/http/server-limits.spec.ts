import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { limitServer } from './server-limits.js';

let server: Server;
beforeEach(async () => {
  server = createServer({ connectionsCheckingInterval: 20 }, (_request, response) => void response.end('ok'));
  limitServer(server);
  server.headersTimeout = 100;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** What comes back until the server hangs up. */
const exchange = (text: string): Promise<string> =>
  new Promise((resolve) => {
    let answer = '';
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1', () => socket.write(text));
    socket
      .on('data', (data) => (answer += data.toString()))
      .on('error', () => undefined)
      .on('close', () => resolve(answer));
  });

it.each([
  ['is none', 'what is this\r\n\r\n', 400],
  ['has headers without end', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`, 431],
  ['does not come', 'GET / HTTP/1.1\r\nHost: x\r\n', 408],
])('a request that %s is answered as everything else', async (_, text, status) => {
  const [head = '', body = ''] = (await exchange(text)).split('\r\n\r\n');
  expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(head).toContain('Content-Type: application/problem+json');
  const problem = JSON.parse(body) as { requestId: string };
  expect(problem).toEqual({
    status,
    title: expect.any(String),
    detail: expect.any(String),
    message: expect.any(String),
    requestId: expect.any(String),
  });
  expect(head).toContain(`X-Request-ID: ${problem.requestId}`);
});

it('nothing is written into an answer that has begun', async () => {
  server.removeAllListeners('request');
  server.on('request', (_request, response) => void response.writeHead(200, { 'content-length': 10 }).write('half'));
  const answer = await exchange('GET / HTTP/1.1\r\nHost: x\r\n\r\nwhat is this\r\n\r\n');
  expect(answer).not.toContain('could not be read');
});

it('who is refused and leaves its side open is hung up on', async () => {
  const socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true }, () =>
    socket.write('no HTTP\r\n\r\n'),
  );
  socket.resume().on('error', () => undefined);
  await new Promise((resolve) => socket.once('end', resolve));
  await expect
    .poll(() => new Promise((resolve) => server.getConnections((_error, count) => resolve(count))), { timeout: 5000 })
    .toBe(0);
  socket.destroy();
});
