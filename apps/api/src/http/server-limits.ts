import { Logger } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

const logger = new Logger('HttpServer');
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 15_000;
/** Longer than a load balancer keeps an idle connection (60 s, usually), so that it never sends into one we just closed. */
const KEEP_ALIVE_MS = 65_000;
const LINGER_MS = 1000;

/** How long each of our HTTP servers waits for what, what it says to what is no request, and that nobody who hangs up ends the process. Before it listens. */
export function limitServer(server: Server): void {
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.on('clientError', refuseUnreadable);
  // Node's own listener leaves a socket with its upgrade, and is there again only when somebody takes it over.
  server.on('connection', (socket: Socket) => takeErrors(socket));
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    takeErrors(request);
    takeErrors(response);
  });
  // An accept that fails (EMFILE: too many open files) is reported here, and the next may work. Before that, an error is one of `listen`, and its caller's.
  server.once('listening', () =>
    server.on('error', (error) => logger.error(`a connection was not accepted: ${error.message}`)),
  );
}

/** The other side is gone: whoever writes to it hears of that by `close`. */
const ignoreError = (): void => undefined;

/** Once for each, however often Node's server is handed the same socket. */
function takeErrors(emitter: EventEmitter): void {
  if (!emitter.listeners('error').includes(ignoreError)) emitter.on('error', ignoreError);
}

/** Sends the text, then destroys the socket after LINGER_MS; incoming data is read, or the kernel resets the connection and the text is lost. */
export function respondAndClose(socket: Duplex, text: string): void {
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(timer));
  socket.resume().end(text);
}

const STATUSES: Record<string, [status: number, message: string]> = {
  HPE_HEADER_OVERFLOW: [431, 'The request has too many or too long headers.'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'The body is too large.'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'The request did not come in time.'],
};

/** Node's own answer has no body. No route ever sees these requests, so neither do filter and log. */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  // As Node does: what is being answered already cannot be answered again.
  const { _httpMessage: answering } = socket as { _httpMessage?: ServerResponse };
  if (!socket.writable || answering?.headersSent) {
    socket.destroy();
    return;
  }
  const [status, message] = STATUSES[error.code ?? ''] ?? [400, 'The request could not be read.'];
  const requestId = randomUUID();
  const body = JSON.stringify({ status, title: STATUS_CODES[status], detail: message, message, requestId });
  const headers = [
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-ID: ${requestId}`,
    'Cache-Control: no-store',
    'Connection: close',
  ];
  respondAndClose(socket, `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${headers.join('\r\n')}\r\n\r\n${body}`);
}
