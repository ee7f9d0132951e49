// The Web SDK's protocol, spoken as its pages do.
import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { WebSocket } from 'ws';
import { startApp, type TestApp, type TestCustomer } from './app.js';
import { type ScriptedNode, startScriptedNode } from './scripted-node.js';

// Media over this protocol: test/media/flashphoner-sdk.spec.ts.

export type Message = [name: string, ...data: unknown[]];

export interface Client {
  socket: WebSocket;
  received: Message[];
  /** Of the close, once it is closed. */
  code(): number | undefined;
  send(message: string, data: object | null): void;
}

export let api: TestApp;
export let node: ScriptedNode;
export let alice: TestCustomer;
export let token: string;
export let application: Server;
export let hooks: string[] = [];
let answer = { status: 200, body: {} };
export const clients: Client[] = [];

export const fls = (path: string): string => `/v1/projects/${alice.appid}/fls/entry_points/${path}`;
export const tokenFor = async (entryPoint: string) =>
  ((await alice.call('POST', fls(`${entryPoint}/publish_tokens`), {})).body as { token: string }).token;

/** What the application says to its hooks from now on, in this test. */
export function answerWith(status: number, body: object): void {
  answer = { status, body };
}

/** Starts an API with a customer, his application and a node for the calling file. */
export function useFlashphonerApi(): void {
  beforeAll(async () => {
    application = createServer((request, response) => {
      hooks.push((request.url ?? '').slice(1));
      request
        .resume()
        .on('end', () =>
          response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body)),
        );
    });
    await new Promise<void>((resolve) => application.listen(0, '127.0.0.1', resolve));
    api = await startApp();
    alice = await api.customer();
    node = await startScriptedNode(api);
    await alice.call('POST', `/v1/projects/${alice.appid}/fls/entry_points`, { name: 'hooked' });
    token = await tokenFor('live');
  });
  afterAll(async () => {
    for (const { socket } of clients) socket.terminate();
    await node?.stop();
    await api?.stop();
    application?.close();
  });
  beforeEach(async () => {
    hooks = [];
    answer = { status: 200, body: {} };
    node.script = 'answer';
    await api.prisma.stream.deleteMany();
    await api.prisma.pushSettings.deleteMany();
  });
}
