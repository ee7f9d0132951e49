// An API where something goes wrong.
import { afterAll, afterEach, beforeAll, beforeEach, vi } from 'vitest';
import { startApp, type TestApp, type TestCustomer } from './app.js';
import { type CallbackServer, json, startCallbackServer } from './callback-server.js';
import { type ScriptedNode, startScriptedNode } from './scripted-node.js';

export let api: TestApp;
export let node: ScriptedNode;
export let alice: TestCustomer;
export let callback: CallbackServer;
export let names = 0;

export const fls = (path: string, { appid } = alice): string => `/v1/projects/${appid}/fls/${path}`;
const entryPointOf = ({ appid }: TestCustomer) =>
  api.prisma.entryPoint.findFirstOrThrow({ where: { projectId: appid } });

/** A stream that runs on the scripted node. */
export async function running(name = `s${(names += 1)}`, customer = alice): Promise<string> {
  const { id: entryPointId } = await entryPointOf(customer);
  const { id } = await api.prisma.stream.create({
    data: {
      projectId: customer.appid,
      entryPointId,
      name,
      state: 'live',
      ownerNode: 'node-1',
      callbackState: 'pending',
    },
  });
  return id;
}

/** Starts an API with a customer, his server and a node for the calling file. */
export function useMishapsApi(): void {
  beforeAll(async () => {
    callback = await startCallbackServer();
    api = await startApp({
      CALLBACK_TIMEOUT_MS: '2000',
      PUSH_REPUBLISH_URLS: 'rtmp://recorder:RECORDER-SECRET@127.0.0.1/archive?key=RECORDER-SECRET',
    });
    alice = await api.customer();
    node = await startScriptedNode(api);
  });
  afterAll(async () => {
    await node?.stop();
    await api?.stop();
    await callback?.stop();
  });
  beforeEach(() => {
    callback.requests.length = 0;
    node.requests.length = 0;
    callback.reply = json({ transferUrls: [] });
  });
  afterEach(() => vi.restoreAllMocks());
}
