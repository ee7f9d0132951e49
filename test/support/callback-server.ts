import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

export interface CallbackRequest {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}

export type Reply = (response: ServerResponse, request: CallbackRequest) => void;

/** A customer's server that answers as the test tells it, well or badly. */
export interface CallbackServer {
  url: string;
  requests: CallbackRequest[];
  reply: Reply;
  /** Connections that are open at this moment. */
  connections(): Promise<number>;
  stop(): Promise<void>;
}

export const json =
  (value: unknown, status = 200): Reply =>
  (response) =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));

/** Ways in which servers misbehave, and what we make of each. */
export const HOSTILE: Record<string, [reply: Reply, code: string]> = {
  'answers 500': [json({ error: 'broken' }, 500), 'callback_status'],
  'answers 404': [json({}, 404), 'callback_status'],
  'answers 204': [(response) => void response.writeHead(204).end(), 'callback_status'],
  redirects: [
    (response) => void response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
    'callback_redirect',
  ],
  'answers HTML': [
    (response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
    'callback_not_json',
  ],
  'answers nothing': [(response) => void response.writeHead(200).end(), 'callback_not_json'],
  'answers without the list': [json({ urls: [] }), 'callback_bad_answer'],
  'answers with a string for the list': [json({ transferUrls: 'rtmp://a/b/c' }), 'callback_bad_answer'],
  'answers too much': [
    (response) => void response.writeHead(200).end(`{"transferUrls":["${'x'.repeat(80_000)}"]}`),
    'callback_too_large',
  ],
  'answers without end': [
    (response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write('x'.repeat(16_384)), 1);
      response.on('close', () => clearInterval(timer)).on('error', () => undefined);
    },
    'callback_too_large',
  ],
  compresses: [
    (response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('{"transferUrls":[]}')),
    'callback_encoded',
  ],
  'sends endless headers': [
    (response) => {
      response.socket?.write('HTTP/1.1 200 OK\r\n');
      const timer = setInterval(() => response.socket?.write(`X-${Math.random()}: ${'y'.repeat(1000)}\r\n`), 1);
      response.socket?.on('close', () => clearInterval(timer)).on('error', () => undefined);
    },
    'callback_too_large',
  ],
  'sends endless 1xx': [
    (response) => {
      const timer = setInterval(() => response.socket?.write('HTTP/1.1 102 Processing\r\n\r\n'), 5);
      response.socket?.on('close', () => clearInterval(timer)).on('error', () => undefined);
    },
    'callback_timeout',
  ],
  'says 100 unasked': [
    (response) => void response.socket?.write('HTTP/1.1 100 Continue\r\n\r\n'),
    'callback_bad_answer',
  ],
  'never answers': [() => undefined, 'callback_timeout'],
  drips: [
    (response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write(' '), 50);
      response.on('close', () => clearInterval(timer)).on('error', () => undefined);
    },
    'callback_timeout',
  ],
  'hangs up': [(response) => void response.socket?.end(), 'callback_connect_failed'],
  'resets the connection': [(response) => void response.socket?.resetAndDestroy(), 'callback_connect_failed'],
  'does not speak HTTP': [(response) => void response.socket?.end('SSH-2.0-OpenSSH_9\r\n'), 'callback_bad_answer'],
};

export async function startCallbackServer(): Promise<CallbackServer> {
  const server = createServer((request: IncomingMessage, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => {
      const received = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body };
      callback.requests.push(received);
      callback.reply(response, received);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const callback: CallbackServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/cb`,
    requests: [],
    reply: json({ transferUrls: [] }),
    connections: () => new Promise((resolve) => server.getConnections((_, count) => resolve(count))),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return callback;
}
