// Streams whose destinations the callback brings.
import { afterAll, beforeAll, beforeEach, expect } from 'vitest';
import { startApp, type TestApp, type TestCustomer } from './app.js';
import { type CallbackServer, startCallbackServer } from './callback-server.js';
import { type ScriptedNode, startScriptedNode } from './scripted-node.js';

export const TIMEOUT_MS = 400;
const OFFER = `v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=fingerprint:sha-256 ${Array.from({ length: 32 }, () => 'AB').join(':')}\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=setup:actpass\r\na=ice-ufrag:user\r\na=ice-pwd:passwordpasswordpassword\r\na=rtpmap:96 H264/90000\r\n`;

export interface View {
  id: string;
  state: string;
  callback: { state: string; reason: { code: string; detail: string | null } | null };
  transfers: Record<string, number>;
}

export let api: TestApp;
export let node: ScriptedNode;
export let alice: TestCustomer;
export let customer: CallbackServer;
export let count = 0;

export const settings = `entry_points/live/settings/transfer`;
export const fls = (path: string) => `/v1/projects/${alice.appid}/fls/${path}`;

/** A stream that begins with these settings; resolves as soon as its publisher has been answered. */
export async function begin(callback: { enabled?: boolean; callbackUrl?: string | null }): Promise<string> {
  await alice.call('PATCH', fls(settings), { enabled: true, ...callback });
  const { token } = (await alice.call('POST', fls('entry_points/live/publish_tokens'), {})).body as { token: string };
  const name = `cb-${(count += 1)}`;
  const answer = await api.anonymous('POST', `/whip/${alice.appid}/live/${name}`, OFFER, {
    'content-type': 'application/sdp',
    authorization: `Bearer ${token}`,
  });
  expect(answer.status).toBe(201);
  const { id } = await api.prisma.stream.findFirstOrThrow({ where: { name } });
  return id;
}
export const view = async (id: string) => (await alice.call('GET', fls(`streams/${id}`))).body as View;
export const kick = (id: string) => alice.call('DELETE', fls(`streams/${id}`));
export const deliveries = async (id: string) => {
  const { deliveries: found } = (await alice.call('GET', fls('entry_points/live/callbacks?limit=200'))).body as {
    deliveries: {
      streamId: string;
      outcome: string;
      status: number | null;
      attempt: number;
      answerHead: string | null;
    }[];
  };
  return found.filter(({ streamId }) => streamId === id);
};

/** Starts an API with a customer, his server and a node for the calling file. */
export function useCallbackApi(): void {
  beforeAll(async () => {
    api = await startApp({ CALLBACK_TIMEOUT_MS: String(TIMEOUT_MS) });
    alice = await api.customer();
    node = await startScriptedNode(api);
    customer = await startCallbackServer();
  });
  afterAll(async () => {
    await node?.stop();
    await customer?.stop();
    await api?.stop();
  });
  beforeEach(() => {
    customer.requests.length = 0;
    node.requests.length = 0;
  });
}
