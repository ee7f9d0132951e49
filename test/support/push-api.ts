// The vendor's API for pushes, asked as its clients do.
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect } from 'vitest';
import { startApp, type Answer, type TestApp, type TestCustomer } from './app.js';
import { type ScriptedNode, startScriptedNode } from './scripted-node.js';
import { freePort } from './ports.js';

export interface Transponder {
  mediaSessionId: string;
  streamName: string;
  rtmpUrl: string;
}

export let api: TestApp;
export let node: ScriptedNode;
export let alice: TestCustomer;
export let bob: TestCustomer;
export let streamId: string;
export let port: number;
const mediaDir = mkdtempSync(join(tmpdir(), 'media-'));
export const RTMP = 'rtmp://127.0.0.1:1935/live';

export async function running(customer: TestCustomer, name: string, entryPoint = 'live'): Promise<string> {
  const where = { projectId: customer.appid, name: entryPoint };
  const { id } =
    (await api.prisma.entryPoint.findFirst({ where })) ?? (await api.prisma.entryPoint.create({ data: where }));
  const stream = await api.prisma.stream.create({
    data: { projectId: customer.appid, entryPointId: id, name, state: 'live', ownerNode: 'node-1' },
  });
  return stream.id;
}

export const push = (method: string, body?: unknown, by = alice): Promise<Answer> =>
  by.call('POST', `/rest-api/push/${method}`, body, { 'content-type': 'application/json' });
export const started = async (body: object = {}) => {
  const answer = await push('startup', { streamName: 'name', rtmpUrl: RTMP, ...body });
  expect(answer.status, answer.text).toBe(200);
  return answer.body as Transponder;
};
export const row = async (mediaSessionId: string) => {
  const found = await api.prisma.transfer.findUniqueOrThrow({ where: { mediaSessionId } });
  return { ...found, url: api.box.open(found.url, `transfer:${found.streamId}`) };
};

/** Starts an API with two customers and a node for the calling file, and a running stream for each of its tests. */
export function usePushApi(): void {
  beforeAll(async () => {
    port = await freePort();
    api = await startApp({
      MEDIA_DIR: mediaDir,
      FLASHPHONER_PORT: String(port),
      LISTEN_ADDRESS: '127.0.0.1',
      PUSH_LOCAL_ADDRESSES: '127.0.0.1,127.0.0.2',
    });
    [alice, bob] = await Promise.all([api.customer(), api.customer()]);
    node = await startScriptedNode(api);
    mkdirSync(join(mediaDir, alice.appid));
    writeFileSync(join(mediaDir, alice.appid, 'test.wav'), '');
  });
  afterAll(async () => {
    await node?.stop();
    await api?.stop();
  });
  beforeEach(async () => {
    await api.prisma.stream.deleteMany();
    await api.prisma.pushSettings.deleteMany();
    streamId = await running(alice, 'name');
    node.requests.length = 0;
  });
}
