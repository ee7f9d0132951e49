// Publishers that are not like the others: what arrives at a platform all the same.
import { afterAll, beforeAll, expect } from 'vitest';
import { publishTestStream, type TestPublisher } from '../../tools/lib/whip-publisher.ts';
import { probe } from './ffprobe.js';
import { startRtmpServer, type TestRtmpServer } from './rtmp-server.js';
import { System } from './system.js';

export let system: System;
export let platform: TestRtmpServer;
export let entryPoint: Awaited<ReturnType<System['entryPoint']>>;

export type PublishOptions = Partial<Parameters<typeof publishTestStream>[0]>;

/** A stream that goes to a platform under its own name. */
export async function forwarded(
  name: string,
  options: PublishOptions,
  url = `${platform.url}/${name}`,
): Promise<{ id: string; publisher: TestPublisher }> {
  const publisher = await publishTestStream({
    url: entryPoint.whipUrl(name),
    token: entryPoint.token,
    localAddress: '127.0.0.1',
    width: 320,
    height: 180,
    kbps: 300,
    ...options,
  });
  const { id } = await system.stream(name);
  const transfer = await system.addTransfer(id, { url });
  await system.transferReaches(id, transfer.id, 'live');
  return { id, publisher };
}

/** What was recorded of a name once its publisher has left. */
export async function recorded(name: string) {
  await expect.poll(async () => (await platform.publishers()).map((one) => one.name)).not.toContain(name);
  const file = (await platform.recordings()).find((path) => new RegExp(`/${name}-\\d`).test(path)) as string;
  return { file, ...(await probe(file, { seconds: 120 })) };
}
export const figures = async (name: string) => (await system.stream(name)).figures;

/** Starts a system and a platform for the calling file. */
export function useInputs(): void {
  beforeAll(async () => {
    platform = await startRtmpServer({ record: true });
    system = await System.shared();
    entryPoint = await system.entryPoint('inputs');
  });
  afterAll(async () => {
    await system?.stop();
    await platform?.stop();
  });
}
