// A stream that runs, for tests of its transfers.
import { afterAll, beforeAll, expect } from 'vitest';
import { publishTestStream, type TestPublisher } from '../../tools/lib/whip-publisher.ts';
import { missingPictures, pictures, probe } from './ffprobe.js';
import { startRtmpServer, type TestRtmpServer } from './rtmp-server.js';
import { System } from './system.js';
import { makeTone } from './tone.js';

export let system: System;
export let platform: TestRtmpServer;
export let publisher: TestPublisher;
export let streamId: string;
export let entryPoint: Awaited<ReturnType<System['entryPoint']>>;

export const add = (name: string, options: object = {}) =>
  system.addTransfer(streamId, { url: `${platform.url}/${name}`, ...options });
export const live = (id: string) => system.transferReaches(streamId, id, 'live');
export const change = (id: string, body: object) => system.changeTransfer(streamId, id, body);

/** What was recorded of a name, from its first byte to its last. */
export async function recorded(name: string) {
  await expect.poll(async () => (await platform.publishers()).map((one) => one.name)).not.toContain(name);
  const file = (await platform.recordings()).filter((path) => new RegExp(`/${name}-\\d`).test(path)).at(-1) as string;
  return { file, ...(await probe(file, { seconds: 120 })) };
}

/** Pictures that a publisher sent and that a recording lacks somewhere in its middle. */
export const missing = async ({ file }: { file: string }, from: TestPublisher) =>
  missingPictures(from.sent(), await pictures(file));

/** Starts a system with a stream that runs, and a platform, for the calling file. */
export function useMainStream(): void {
  beforeAll(async () => {
    platform = await startRtmpServer({ record: true });
    system = await System.shared();
    makeTone(system);
    entryPoint = await system.entryPoint('transfers');
    // A silent publisher: what is heard comes from us.
    publisher = await publishTestStream({
      url: entryPoint.whipUrl('main'),
      token: entryPoint.token,
      localAddress: '127.0.0.1',
      frequency: 300,
      remember: true,
    });
    ({ id: streamId } = await system.stream('main'));
  });
  afterAll(async () => {
    await publisher?.close();
    await system?.stop();
    await platform?.stop();
  });
}
