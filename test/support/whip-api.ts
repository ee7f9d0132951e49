// WHIP, asked as a publisher does.
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { startApp, type TestApp, type TestCustomer } from './app.js';
import { type ScriptedNode, startScriptedNode } from './scripted-node.js';
import { offer } from './sdp.js';

export const replaced = (from: string | RegExp, to: string) =>
  offer((lines) => lines.map((line) => line.replace(from, to)));

export let api: TestApp;
export let node: ScriptedNode;
export let alice: TestCustomer;
export let token: string;
let names = 0;

export async function newToken(body: object = {}): Promise<string> {
  const answer = await alice.call('POST', `/v1/projects/${alice.appid}/fls/entry_points/live/publish_tokens`, body);
  return (answer.body as { token: string }).token;
}
export const endpoint = (name: string) => `/whip/${alice.appid}/live/${name}`;
export const newName = () => `s${(names += 1)}`;
export const post = (name: string, sdp = offer(), headers: Record<string, string> = {}) =>
  api.anonymous('POST', endpoint(name), sdp, {
    'content-type': 'application/sdp',
    authorization: `Bearer ${token}`,
    ...headers,
  });
export const stream = (name: string) =>
  api.prisma.stream.findFirst({ where: { name }, orderBy: { id: 'desc' }, include: { sessions: true } });

/** A node in place of one that was stopped. */
export async function startNode(): Promise<void> {
  node = await startScriptedNode(api);
}

/** Starts an API with a customer and a node for the calling file. */
export function useWhipApi(): void {
  beforeAll(async () => {
    api = await startApp({ ANSWER_TIMEOUT_MS: '1000', STUN_SERVER: 'stun://stun.example:3478' });
    alice = await api.customer();
    await startNode();
    token = await newToken();
  });
  afterAll(async () => {
    await node?.stop();
    await api?.stop();
  });
  beforeEach(() => {
    node.script = 'answer';
    node.publishScript = 'answer';
    node.requests.length = 0;
  });
}
