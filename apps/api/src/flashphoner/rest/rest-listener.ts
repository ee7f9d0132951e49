import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { Express } from 'express';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Env } from '#libs/config';
import { isForRestApi } from './keys/rest-key.js';
import { limitServer } from '../../http/server-limits.js';

/** Web Call Server's REST port: the same routes as on the main one, and only those under /rest-api (with a REST key before it, too). */
@Injectable()
export class RestListener implements OnApplicationBootstrap, OnModuleDestroy {
  private server: Server | null = null;

  constructor(
    private readonly adapter: HttpAdapterHost,
    private readonly env: Env,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    if (this.env.FLASHPHONER_PORT === 0) return;
    const routes = this.adapter.httpAdapter.getInstance<Express>();
    this.server = createServer((request: IncomingMessage, response: ServerResponse) => {
      if (isForRestApi(request.url)) routes(request, response);
      else response.writeHead(404).end();
    });
    limitServer(this.server);
    this.server.listen(this.env.FLASHPHONER_PORT, this.env.LISTEN_ADDRESS);
    // Rejects when the port is taken: better no start than half a service.
    await once(this.server, 'listening');
  }

  async onModuleDestroy(): Promise<void> {
    await new Promise<void>((resolve) => (this.server === null ? resolve() : this.server.close(() => resolve())));
  }
}
