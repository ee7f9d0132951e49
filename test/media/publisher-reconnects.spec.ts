// How the browser library comes back, and when it stays away.
import { expect, it } from 'vitest';
import { probe } from '../support/ffprobe.js';
import { startLossyRelay } from '../support/lossy-relay.js';
import { inPage } from '../support/publisher-page.js';
import { useLibrary, system, platform, openPage, begin, events, reaches, publish } from '../support/library-pages.js';
import { System } from '../support/system.js';

useLibrary(() => System.start());

function pipelinePid(streamId: string): number {
  return Number(new RegExp(`stream ${streamId} runs in process (\\d+)`).exec(system.log)?.[1]);
}

it('finds another way by an ICE restart when the network breaks; the platform does not notice', async () => {
  const relay = await startLossyRelay(0);
  const page = await openPage();
  await page.exposeFunction('mapAnswer', relay.mapAnswer);
  await inPage(page, `Object.assign(network, { mapAnswer, trickle: false })`);
  await begin(page, {}, { name: 'rerouted', constraints: { video: { width: 640, height: 360 }, audio: true } });
  await reaches(page, 'PUBLISHING');
  const { id } = await system.stream('rerouted');
  await system.transfersReach(id, ['live']);

  // First nothing works any more, then there is another network.
  await inPage(page, `Object.assign(network, { trickle: true, offline: true })`);
  await relay.stop();
  await expect
    .poll(() => events(page), { timeout: 20_000 })
    .toEqual(expect.arrayContaining(['RECONNECTING The server cannot be reached.']));
  expect(await inPage(page, '[stream.status(), stream.info()]')).toEqual(['PENDING', 'The server cannot be reached.']);
  expect((await events(page)).filter((event) => event.startsWith('RECONNECTING'))[0]).toMatch(
    /the connection (was lost|failed)$/,
  );
  await inPage(page, `network.offline = false, dispatchEvent(new Event('online'))`);
  await reaches(page, 'PUBLISHING', 20_000);
  const sentBytes = async (): Promise<number> => (await system.transfers(id))[0]?.figures?.bytesSent ?? 0;
  const before = await sentBytes();
  await expect.poll(sentBytes, { timeout: 15_000 }).toBeGreaterThan(before + 100_000);
  expect((await system.transfers(id))[0]).toMatchObject({ state: 'live', attempts: 1, figures: { reconnects: 0 } });
  expect(await inPage(page, 'network.offers')).toBe(1);
});

it('is far away: the round trip is known though nothing was lost', async () => {
  const relay = await startLossyRelay(0, 50);
  const page = await openPage();
  await page.exposeFunction('mapAnswer', relay.mapAnswer);
  await inPage(page, `Object.assign(network, { mapAnswer, trickle: false })`);
  await begin(page, {}, { name: 'far', constraints: { video: { width: 640, height: 360 }, audio: true } });
  await reaches(page, 'PUBLISHING');
  const rttMs = async (): Promise<number> => (await system.stream('far')).figures?.rttMs ?? 0;
  // A machine that is busy at that moment makes one answer late.
  await expect.poll(rttMs, { timeout: 40_000 }).toSatisfy((ms: number) => ms > 95 && ms < 200);
  expect((await system.stream('far')).figures?.packetsLost).toBe(0);
  await relay.stop();
});

it('restarts ICE on the running session when the network changes', async () => {
  const { page, id } = await publish('changed');
  await inPage(page, `dispatchEvent(new Event('online'))`);
  await expect.poll(() => events(page)).toEqual(expect.arrayContaining(['RECONNECTING the network changed']));
  await reaches(page, 'PUBLISHING');
  expect((await events(page)).filter((event) => event === 'PUBLISHING')).toHaveLength(2);
  expect(await inPage(page, 'network.offers')).toBe(1);
  await expect
    .poll(async () => (await system.transfers(id))[0], { timeout: 10_000 })
    .toMatchObject({ state: 'live', attempts: 1, figures: { reconnects: 0 } });
});

it('comes back with a new session when its own is gone', async () => {
  const { page, id } = await publish('revived');
  process.kill(pipelinePid(id), 'SIGKILL');
  // It asks the server as soon as that is silent, or the browser hears from the system that nobody listens there: long before ICE gives up the path.
  const noticed = expect.stringMatching(
    /^RECONNECTING the (server has ended the session|connection was lost)$/,
  ) as string;
  await expect.poll(() => events(page), { timeout: 8000, interval: 50 }).toContainEqual(noticed);
  await reaches(page, 'PUBLISHING');
  const { id: next } = await system.stream('revived');
  await system.transfersReach(next, ['live']);
  expect(await inPage(page, 'network.offers')).toBe(2);
  await expect
    .poll(async () => (await probe(`${platform.url}/revived`, { seconds: 2 })).video.length, { timeout: 15_000 })
    .toBeGreaterThan(10);
});

it('is told when its node shuts down, and comes back as soon as there is one', async () => {
  const { page, id } = await publish('moved');
  await system.end('worker', 'SIGTERM');
  // Long before the silence would be noticed.
  await expect.poll(() => events(page), { timeout: 3000 }).toContain('RECONNECTING the server closed the connection');
  expect(await system.stream('moved')).toMatchObject({ id, state: 'ended', reason: { code: 'service_shutdown' } });
  system.spawn('worker');
  await system.nodesReach(1);
  await reaches(page, 'PUBLISHING', 20_000);
  const { id: next } = await system.stream('moved');
  expect(next).not.toBe(id);
  await system.transfersReach(next, ['live']);
  await inPage(page, 'stream.stop()');
});

it('stays away when its stream was ended over the API', async () => {
  const { page, id } = await publish('kicked');
  expect((await system.call('DELETE', `/streams/${id}`)).status).toBe(204);
  // It is told: that the packets go nowhere would show after five seconds and more.
  await reaches(page, 'FAILED', 3000);
  expect(await inPage(page, 'stream.info()')).toMatch(/ended (over|by|through)/i);
  expect(await inPage(page, 'network.offers')).toBe(1);
  expect(await system.stream('kicked')).toMatchObject({ id, state: 'ended', reason: { code: 'kicked' } });
});

it('leaves its stream to a second publisher of the same name', async () => {
  const { page, id } = await publish('wanted');
  const { page: other } = await publish('wanted');
  await reaches(page, 'FAILED', 20_000);
  expect(await inPage(page, 'stream.info()')).toBe('Another session of the same stream took over.');
  expect(await inPage(page, 'network.offers')).toBe(1);
  expect(await inPage(other, 'stream.status()')).toBe('PUBLISHING');
  expect(await system.stream('wanted')).toMatchObject({ id, state: 'live' });
  await inPage(other, 'stream.stop()');
});

it('ends the stream at once when it is stopped amid an interruption', async () => {
  const { page } = await publish('interrupted');
  // Another network, on which the server does not answer; the session stands where the platforms are.
  await inPage(page, `network.offline = true, stream.reconnect(), undefined`);
  await reaches(page, 'PENDING');
  await inPage(page, `network.offline = false, stream.stop()`);
  await expect
    .poll(async () => (await system.stream('interrupted')).reason?.code, { timeout: 3000 })
    .toBe('publisher_left');
});
