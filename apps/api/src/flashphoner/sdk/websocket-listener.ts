import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { Env } from '#libs/config';
import { respondAndClose, limitServer } from '../../http/server-limits.js';
import { PublisherPushes } from '../rest/publisher-pushes.js';
import { Publications } from './publications.js';
import { RestHooks } from '../hooks/rest-hooks.js';
import { SdkConnection } from './sdk-connection.js';
import { SocketsOfAddresses } from './sdk-limits.js';
import { SessionWatch } from './session-watch.js';

/** An offer with every codec of a browser has some 10 KB. */
const MAX_MESSAGE_BYTES = 64 * 1024;
const GOING_AWAY = 1001;
/** A page that does not answer our goodbye must not hold up the process. */
const CLOSE_DEADLINE_MS = 1000;
const PATH = '/websocket';

/** The Web SDK's WebSocket: at /websocket of the main listener, and anywhere on a port of its own. */
@Injectable()
export class WebSocketListener implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES });
  private readonly room: SocketsOfAddresses;
  private server: Server | null = null;

  constructor(
    private readonly adapter: HttpAdapterHost,
    private readonly env: Env,
    private readonly publications: Publications,
    private readonly pushes: PublisherPushes,
    private readonly watch: SessionWatch,
    private readonly hooks: RestHooks,
  ) {
    this.room = new SocketsOfAddresses(env.FLASHPHONER_WS_SOCKETS_PER_ADDRESS);
  }

  async onApplicationBootstrap(): Promise<void> {
    const main = this.adapter.httpAdapter.getHttpServer() as Server;
    main.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      if (request.headers.upgrade?.toLowerCase() !== 'websocket') ignoreUpgrade(main, request, socket, head);
      else if (pathOf(request) === PATH) this.upgrade(request, socket, head);
      else respondAndClose(socket, 'HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    });
    if (this.env.FLASHPHONER_WS_PORT === 0) return;
    this.server = createServer((_request, response) =>
      response.writeHead(426, { Connection: 'Upgrade', Upgrade: 'websocket' }).end(),
    );
    limitServer(this.server);
    this.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.upgrade(request, socket, head),
    );
    this.server.listen(this.env.FLASHPHONER_WS_PORT, this.env.LISTEN_ADDRESS);
    // Rejects when the port is taken: better no start than half a service.
    await once(this.server, 'listening');
  }

  /** Pages see their session end. Their media goes on here until they stop it, which the vendor's SDK does at once. */
  async onModuleDestroy(): Promise<void> {
    for (const socket of this.sockets.clients) {
      socket.removeAllListeners('close');
      socket.close(GOING_AWAY);
      setTimeout(() => socket.terminate(), CLOSE_DEADLINE_MS).unref();
    }
    await new Promise<void>((resolve) => (this.server === null ? resolve() : this.server.close(() => resolve())));
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const clientIp = this.clientIp(request);
    const leave = this.room.enter(clientIp);
    if (leave === null)
      return respondAndClose(
        socket,
        'HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n',
      );
    socket.once('close', leave);
    this.sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const { localAddress, localPort, remoteAddress, remotePort } = request.socket;
      const query = queryOf(request);
      const client = {
        clientIp,
        host: request.headers.host,
        userAgent: request.headers['user-agent'],
        sessionId: `/${remoteAddress}:${remotePort}/${localAddress}:${localPort}`,
        urlToken: query.get('token') ?? query.get('authToken') ?? undefined,
      };
      const services = { publications: this.publications, pushes: this.pushes, watch: this.watch, hooks: this.hooks };
      new SdkConnection(webSocket, client, services, this.env.FLASHPHONER_WS_TOKEN_WITHIN_MS);
    });
  }

  /** As Express does it: the address that the outermost proxy of ours saw. */
  private clientIp(request: IncomingMessage): string | undefined {
    const forwarded = String(request.headers['x-forwarded-for'] ?? '')
      .split(',')
      .map((address) => address.trim())
      .filter((address) => address !== '');
    return [...forwarded, request.socket.remoteAddress].at(-1 - Math.min(this.env.TRUSTED_PROXIES, forwarded.length));
  }
}

const pathOf = (request: IncomingMessage): string => (request.url ?? '').split('?', 1)[0] ?? '';
/** By hand: a request's target may be anything, and `new URL` throws for some of it. */
const queryOf = (request: IncomingMessage): URLSearchParams =>
  new URLSearchParams((request.url ?? '').split('?').slice(1).join('?'));

/**
 * With a listener for upgrades, Node hands over every request that offers any, as Java's client offers h2c with each. An
 * offer may be ignored (RFC 9110, section 7.8): the request comes once more, without it.
 */
function ignoreUpgrade(server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const { method, url, httpVersion, rawHeaders } = request;
  const lines = rawHeaders.flatMap((name, i) => {
    const value = rawHeaders[i + 1] ?? '';
    if (i % 2 === 1 || /^(upgrade|http2-settings)$/i.test(name)) return [];
    return [
      `${name}: ${/^connection$/i.test(name) ? value.replace(/\b(upgrade|http2-settings)\b *,? */gi, '') : value}`,
    ];
  });
  socket.unshift(
    Buffer.concat([
      Buffer.from([`${method} ${url} HTTP/${httpVersion}`, ...lines, '', ''].join('\r\n'), 'latin1'),
      head,
    ]),
  );
  server.emit('connection', socket);
}
