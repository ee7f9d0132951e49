// Platforms that are slow, and a network that loses.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { publishTestStream, type TestPublisher } from '../../tools/lib/whip-publisher.ts';
import { decodeFrames, steps } from '../support/ffprobe.js';
import { startLossyRelay } from '../support/lossy-relay.js';
import { startSlowProxy } from '../support/slow-proxy.js';
import { useMainStream, system, platform, entryPoint, recorded, missing } from '../support/main-stream.js';

useMainStream();

describe('a slow platform', () => {
  let noisy: TestPublisher;
  let id: string;

  // A picture that cannot be compressed: the bitrate is real.
  beforeAll(async () => {
    noisy = await publishTestStream({
      url: entryPoint.whipUrl('noisy'),
      token: entryPoint.token,
      localAddress: '127.0.0.1',
      width: 320,
      height: 180,
      kbps: 1500,
      pattern: 'snow',
      remember: true,
    });
    ({ id } = await system.stream('noisy'));
  });
  afterAll(() => noisy?.close());

  it('loses whole groups of pictures, says so, and recovers; others lose nothing', async () => {
    const proxy = await startSlowProxy(platform.port, Infinity);
    const good = await system.addTransfer(id, { url: `${platform.url}/good` });
    const slow = await system.addTransfer(id, { url: `rtmp://127.0.0.1:${proxy.port}/live/slow` });
    await Promise.all([good, slow].map((transfer) => system.transferReaches(id, transfer.id, 'live')));
    proxy.rate = 60_000;
    const figures = async (transfer: { id: string }) => (await system.transfer(id, transfer.id)).figures;
    await expect
      .poll(async () => (await figures(slow))?.droppedFrames ?? 0, { timeout: 40_000, interval: 500 })
      .toBeGreaterThan(100);
    proxy.rate = Infinity;
    await expect.poll(async () => (await figures(slow))?.queuedMs ?? 9999, { timeout: 20_000 }).toBeLessThan(200);
    expect((await figures(good))?.droppedFrames).toBe(0);
    expect(await system.transfer(id, slow.id)).toMatchObject({ state: 'live', attempts: 1 });
    for (const transfer of [good, slow]) await system.call('DELETE', `/streams/${id}/transfers/${transfer.id}`);
    const { video } = await recorded('slow');
    // After a hole the first picture is a key frame: what refers to lost pictures is not sent.
    const holes = video.flatMap((packet, i) =>
      i > 0 && packet.dts - (video[i - 1]?.dts ?? 0) > 0.3 ? [packet.isKey] : [],
    );
    expect(holes.length).toBeGreaterThan(0);
    expect(holes).not.toContain(false);
    expect(await missing(await recorded('good'), noisy)).toEqual([]);
    await proxy.stop();
  });

  it('that stops reading is not live for long', async () => {
    const proxy = await startSlowProxy(platform.port, Infinity);
    const transfer = await system.addTransfer(id, { url: `rtmp://127.0.0.1:${proxy.port}/live/stalled` });
    await system.transferReaches(id, transfer.id, 'live');
    proxy.rate = 0;
    await expect
      .poll(async () => (await system.transfer(id, transfer.id)).reason?.code, { timeout: 40_000, interval: 200 })
      .toBe('stalled');
    proxy.rate = Infinity;
    expect((await system.transferReaches(id, transfer.id, 'live')).attempts).toBeGreaterThan(1);
    await system.call('DELETE', `/streams/${id}/transfers/${transfer.id}`);
    await proxy.stop();
  });
});

describe('a lossy network between publisher and node', () => {
  it('is mended by retransmission', async () => {
    const relay = await startLossyRelay(0.05);
    const lossy = await publishTestStream({
      url: entryPoint.whipUrl('lossy'),
      token: entryPoint.token,
      localAddress: '127.0.0.1',
      remember: true,
      mapOffer: relay.mapOffer,
      mapAnswer: relay.mapAnswer,
    });
    const { id } = await system.stream('lossy');
    const transfer = await system.addTransfer(id, { url: `${platform.url}/lossy` });
    await system.transferReaches(id, transfer.id, 'live');
    await expect.poll(() => relay.lost, { timeout: 20_000 }).toBeGreaterThan(30);
    expect(await decodeFrames(`${platform.url}/lossy`, { frames: 60 })).toBe(60);
    await lossy.stop();
    const whole = await recorded('lossy');
    expect((await missing(whole, lossy)).length).toBeLessThanOrEqual(2);
    expect(steps(whole.audio)).toSatisfy(({ smallest, largest }) => smallest > 0 && largest <= 25);
    await relay.stop();
  });
});
