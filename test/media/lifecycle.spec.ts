import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { publishTestStream } from '../../tools/lib/whip-publisher.ts';
import { type Customer, startCustomer } from '../support/customer.js';
import { missingPictures, pictures, probe, steps } from '../support/ffprobe.js';
import { startRtmpServer, type TestRtmpServer } from '../support/rtmp-server.js';
import { wholeOffer } from '../support/sdp.js';
import { System } from '../support/system.js';

let system: System;
let platform: TestRtmpServer;
let customer: Customer;
let whipUrl: (name: string) => string;
let token: string;

beforeAll(async () => {
  platform = await startRtmpServer({ record: true });
  customer = await startCustomer((name) => [`${platform.url}/${name}`]);
  system = await System.start({ MEDIA_TIMEOUT_MS: '1000', RECONNECT_WINDOW_MS: '4000', ORPHAN_TIMEOUT_MS: '20000' });
  ({ whipUrl, token } = await system.entryPoint('lifecycle', { enabled: true, callbackUrl: customer.url }));
});

afterAll(async () => {
  await system?.stop();
  await customer?.stop();
  await platform?.stop();
});

const publish = (name: string) =>
  publishTestStream({
    url: whipUrl(name),
    token,
    localAddress: '127.0.0.1',
    remember: true,
    width: 320,
    height: 180,
    kbps: 300,
  });

async function liveStream(name: string) {
  const publisher = await publish(name);
  const { id } = await system.stream(name);
  await system.transfersReach(id, ['live']);
  return { id, publisher };
}

const state = async (name: string): Promise<[string, string | undefined]> => {
  const stream = await system.stream(name);
  return [stream.state, stream.reason?.code];
};
const uptime = async (name: string) =>
  (await platform.publishers()).find((publisher) => publisher.name === name)?.uptimeMs ?? 0;

it('holds the platforms while a publisher is away, and goes on with the same connection when it returns', async () => {
  const { id, publisher } = await liveStream('returning');
  await publisher.close();
  await expect.poll(() => state('returning'), { timeout: 5000 }).toEqual(['reconnecting', 'publisher_lost']);
  const again = await publish('returning');
  await expect.poll(() => state('returning'), { timeout: 5000 }).toEqual(['live', undefined]);
  expect((await system.stream('returning')).id).toBe(id);
  await expect.poll(() => uptime('returning'), { timeout: 10_000 }).toBeGreaterThan(5000);
  const [transfer] = await system.transfers(id);
  expect(transfer).toMatchObject({ state: 'live', attempts: 1 });
  await again.stop();
  await expect.poll(() => platform.publishers()).toEqual([]);
  const file = (await platform.recordings()).filter((path) => path.includes('/returning'));
  expect(file).toHaveLength(1);
  const { audio, video } = await probe(file[0] as string, { seconds: 60 });
  // Silence fills the time of the absence; the picture stands still and moves on, and time never goes back.
  expect(steps(audio)).toSatisfy(({ smallest, largest }) => smallest >= 0 && largest <= 25);
  expect(steps(video).smallest).toBeGreaterThanOrEqual(0);
  expect(steps(video).largest).toBeGreaterThan(900);
});

it('ends a stream whose publisher does not return', async () => {
  const { publisher } = await liveStream('vanished');
  await publisher.close();
  await expect.poll(() => state('vanished'), { timeout: 10_000 }).toEqual(['ended', 'publisher_lost']);
  await expect.poll(() => platform.publishers()).toEqual([]);
});

it('ends a stream that is kicked', async () => {
  const { id, publisher } = await liveStream('kicked');
  expect((await system.call('DELETE', `/streams/${id}`)).status).toBe(204);
  expect(await state('kicked')).toEqual(['ended', 'kicked']);
  expect((await system.call('DELETE', `/streams/${id}`)).status).toBe(204);
  await expect.poll(() => platform.publishers()).toEqual([]);
  // Told that this was on purpose, a publisher stays away.
  expect(await publisher.stop()).toBe(410);
});

it('loses one stream, and no other, with a pipeline process that dies', async () => {
  const doomed = await liveStream('doomed');
  const other = await liveStream('survivor');
  const before = await uptime('survivor');
  process.kill(await pipelinePid(doomed.id), 'SIGKILL');
  await expect.poll(() => state('doomed'), { timeout: 5000 }).toEqual(['ended', 'pipeline_crashed']);
  await expect.poll(() => uptime('survivor'), { timeout: 5000 }).toBeGreaterThan(before + 1000);
  expect(await state('survivor')).toEqual(['live', undefined]);
  // The name is free again at once.
  await doomed.publisher.close();
  const again = await liveStream('doomed');
  expect(again.id).not.toBe(doomed.id);
  await again.publisher.stop();
  await other.publisher.stop();
});

it('goes on without its worker and API, and with the next ones', async () => {
  const { id, publisher } = await liveStream('upgraded');
  await system.end('worker', 'SIGUSR2');
  await system.end('api', 'SIGTERM');
  const before = await uptime('upgraded');
  await expect.poll(() => uptime('upgraded'), { timeout: 5000 }).toBeGreaterThan(before + 1000);
  system.spawn('api');
  system.spawn('worker');
  await system.nodesReach(1);
  expect(await state('upgraded')).toEqual(['live', undefined]);
  await system.transfersReach(id, ['live']);
  // And it obeys: the worker that adopted it ends it.
  expect(await publisher.stop()).toBe(200);
  await expect.poll(() => state('upgraded'), { timeout: 5000 }).toEqual(['ended', 'publisher_left']);
  const file = (await platform.recordings()).find((path) => path.includes('/upgraded')) as string;
  const { video } = await probe(file, { seconds: 60 });
  expect(steps(video).smallest).toBeGreaterThan(0);
  expect(missingPictures(publisher.sent(), await pictures(file))).toEqual([]);
});

it('refuses no publisher and loses no frame while a worker is exchanged', async () => {
  const { id, publisher } = await liveStream('exchanged');
  const statuses: number[] = [];
  let isOver = false;
  const visit = async (): Promise<void> => {
    for (let i = 0; !isOver; i += 1) {
      const answer = await fetch(whipUrl(`visitor-${i}`), {
        method: 'POST',
        body: wholeOffer(),
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/sdp' },
      });
      statuses.push(answer.status);
      await answer.text();
      if (answer.status === 201) await fetch(system.apiUrl + answer.headers.get('location'), { method: 'DELETE' });
    }
  };
  const visitors = visit();
  await expect.poll(() => statuses.length).toBeGreaterThan(3);
  await system.exchangeWorker();
  const after = statuses.length;
  await expect.poll(() => statuses.length, { timeout: 20_000 }).toBeGreaterThan(after + 3);
  isOver = true;
  await visitors;
  expect(statuses).toEqual(statuses.map(() => 201));
  await system.transfersReach(id, ['live']);
  expect(await publisher.stop()).toBe(200);
  await expect.poll(() => state('exchanged'), { timeout: 5000 }).toEqual(['ended', 'publisher_left']);
  const file = (await platform.recordings()).find((path) => path.includes('/exchanged')) as string;
  expect(missingPictures(publisher.sent(), await pictures(file))).toEqual([]);
});

it('leaves nothing at the platform of a pipeline that cannot be adopted, and the name is free', async () => {
  const ghost = await liveStream('ghost');
  const pid = await pipelinePid(ghost.id);
  await system.end('worker', 'SIGUSR2');
  process.kill(pid, 'SIGSTOP');
  system.spawn('worker');
  await expect.poll(() => state('ghost'), { timeout: 40_000 }).toEqual(['ended', 'pipeline_crashed']);
  await expect.poll(async () => (await platform.publishers()).map(({ name }) => name)).not.toContain('ghost');
  await ghost.publisher.close();
  const again = await liveStream('ghost');
  expect(again.id).not.toBe(ghost.id);
  expect(await again.publisher.stop()).toBe(200);
});

it('ends a pipeline whose worker does not come back, before its stream may be declared lost', async () => {
  const short = await System.start({ ORPHAN_TIMEOUT_MS: '2000', LEASE_MS: '1500' });
  try {
    const door = await short.entryPoint('orphans', { enabled: true, callbackUrl: customer.url });
    const publisher = await publishTestStream({
      url: door.whipUrl('orphan'),
      token: door.token,
      localAddress: '127.0.0.1',
      width: 320,
      height: 180,
      kbps: 300,
    });
    const { id } = await short.stream('orphan');
    await short.transfersReach(id, ['live']);
    await short.end('worker', 'SIGKILL');
    await expect.poll(() => platform.publishers()).toEqual([]);
    expect((await short.stream('orphan')).state).toBe('live');
    // The next worker has nothing to adopt, and says so.
    short.spawn('worker');
    await expect.poll(async () => (await short.stream('orphan')).reason?.code).toBe('pipeline_crashed');
    await publisher.close();
  } finally {
    await short.stop();
  }
});

it('ends its streams properly when the worker is told to stop', async () => {
  const { publisher } = await liveStream('shutdown');
  await system.end('worker', 'SIGTERM');
  expect(await state('shutdown')).toEqual(['ended', 'service_shutdown']);
  expect(await platform.publishers()).toEqual([]);
  await publisher.close();
  // Without a node, a publisher is refused at once.
  await expect(publish('too-late')).rejects.toMatchObject({ status: 503 });
  expect(await readdir(system.runDir)).toSatisfy((names: string[]) => names.every((name) => !name.endsWith('.sock')));
  system.spawn('worker');
  await system.nodesReach(1);
});

/** The process that runs a stream, by what its worker logged. */
async function pipelinePid(streamId: string): Promise<number> {
  const line = system.log.split('\n').find((text) => text.includes(`stream ${streamId} runs in process`)) as string;
  return Number(/runs in process (\d+)/.exec(line)?.[1]);
}

it('serves a publisher that leaves and is back at once, again and again', async () => {
  const statuses: number[] = [];
  for (let i = 0; i < 20; i += 1) {
    const answer = await fetch(whipUrl('hasty'), {
      method: 'POST',
      body: wholeOffer(),
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/sdp' },
    });
    statuses.push(answer.status);
    await answer.text();
    if (answer.status === 201)
      expect((await fetch(system.apiUrl + answer.headers.get('location'), { method: 'DELETE' })).status).toBe(200);
  }
  expect(statuses).toEqual(statuses.map(() => 201));
});
