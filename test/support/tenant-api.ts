// Customers, as operators and they themselves see them.
import { afterAll, beforeAll } from 'vitest';
import { basic, startApp, type Answer, type TestApp, type TestCustomer } from './app.js';
import { startScriptedNode, type ScriptedNode } from './scripted-node.js';

export let api: TestApp;
export let operator: TestCustomer;
let node: ScriptedNode;
export const as = (customerId: string, secret: string, method: string, path: string, body?: unknown): Promise<Answer> =>
  api.anonymous(method, path, body, { authorization: basic(customerId, secret) });

/** Starts an API with an operator and a node for the calling file. */
export function useTenantApi(): void {
  beforeAll(async () => {
    api = await startApp({ QUOTA_PROJECTS: '3', QUOTA_STREAMS: '2' });
    operator = await api.customer('operator');
    node = await startScriptedNode(api);
  });
  afterAll(async () => {
    await node?.stop();
    await api?.stop();
  });
}
