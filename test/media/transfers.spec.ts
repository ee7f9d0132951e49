import { describe, expect, it } from 'vitest';
import { probe, steps, volumeDetect } from '../support/ffprobe.js';
import { startScriptedRtmpServer } from '../support/scripted-rtmp-server.js';
import { startTlsProxy } from '../support/tls-proxy.js';
import {
  useMainStream,
  system,
  platform,
  publisher,
  streamId,
  add,
  live,
  change,
  recorded,
  missing,
} from '../support/main-stream.js';

useMainStream();

const loudness = async (name: string) => (await volumeDetect(`${platform.url}/${name}`, { seconds: 1.5 })).mean;

describe('transfers of a running stream', () => {
  it('are added and removed at any moment; each begins at 0 with a key frame, and the others notice nothing', async () => {
    const first = await add('first');
    expect(first).toMatchObject({ state: 'pending', url: `${platform.url}/***`, origin: 'api' });
    await live(first.id);
    const late = await add('late');
    await live(late.id);
    const [a] = await system.transfers(streamId);
    expect(a?.figures ?? { droppedFrames: 0 }).toMatchObject({ droppedFrames: 0 });
    expect((await system.call('POST', `/streams/${streamId}/transfers`, { url: `${platform.url}/late` })).status).toBe(
      409,
    );
    expect((await system.call('DELETE', `/streams/${streamId}/transfers/${late.id}`)).status).toBe(204);
    expect(await system.transfer(streamId, late.id)).toMatchObject({ state: 'ended', reason: { code: 'removed' } });
    const { video, audio, packets } = await recorded('late');
    expect(video[0]?.isKey).toBe(true);
    expect(packets[0]?.dts).toBeLessThan(0.05);
    expect(steps(audio)).toSatisfy(({ smallest, largest }) => smallest > 0 && largest <= 25);
    // The same URL may come back.
    const again = await add('late');
    await live(again.id);
    for (const id of [again.id, first.id]) await system.call('DELETE', `/streams/${streamId}/transfers/${id}`);
    const whole = await recorded('first');
    expect(await missing(whole, publisher)).toEqual([]);
    expect(steps(whole.audio)).toSatisfy(({ smallest, largest }) => smallest > 0 && largest <= 25);
  });

  it('are muted and unmuted, and get a sound, without a new connection or a jump in time', async () => {
    const { id } = await add('sound');
    await live(id);
    expect(await loudness('sound')).toBeGreaterThan(-30);
    await change(id, { muted: true });
    expect(await loudness('sound')).toBeLessThan(-80);
    await change(id, { muted: false });
    const stream = await loudness('sound');
    expect(stream).toBeGreaterThan(-30);

    await change(id, { sound: { file: 'tone.wav', loop: true } });
    const tone = await loudness('sound');
    expect(tone).toSatisfy((decibels: number) => decibels > -60 && decibels < -35);
    expect(Math.abs((await loudness('sound')) - tone)).toBeLessThan(1);
    await change(id, { sound: null });
    expect(Math.abs((await loudness('sound')) - stream)).toBeLessThan(1);
    // Once: the stream's own audio returns when it has been played.
    await change(id, { muted: null, sound: { file: 'tone.wav' } });
    await expect.poll(async () => Math.abs((await loudness('sound')) - stream) < 1, { timeout: 15_000 }).toBe(true);

    expect(
      (await system.call('PATCH', `/streams/${streamId}/transfers/${id}`, { sound: { file: 'nope.wav' } })).status,
    ).toBe(404);
    expect(
      (await system.call('PATCH', `/streams/${streamId}/transfers/${id}`, { sound: { file: '../../etc/passwd.wav' } }))
        .status,
    ).toBe(400);
    expect(await system.transfer(streamId, id)).toMatchObject({
      state: 'live',
      attempts: 1,
      figures: { reconnects: 0 },
    });
    await system.call('DELETE', `/streams/${streamId}/transfers/${id}`);
    const whole = await recorded('sound');
    expect(steps(whole.audio)).toSatisfy(({ smallest, largest }) => smallest > 0 && largest <= 25);
    expect(await missing(whole, publisher)).toEqual([]);
  });

  it('are paused, resumed, and sent elsewhere', async () => {
    const { id } = await add('here');
    await live(id);
    await change(id, { paused: true });
    await system.transferReaches(streamId, id, 'paused');
    await expect.poll(async () => (await platform.publishers()).length).toBe(0);
    await change(id, { paused: false });
    await live(id);
    await change(id, { url: `${platform.url}/there` });
    await expect.poll(async () => (await platform.publishers()).map(({ name }) => name)).toEqual(['there']);
    await live(id);
    const { video } = await probe(`${platform.url}/there`, { seconds: 4 });
    expect(video.length).toBeGreaterThan(20);
    await system.call('DELETE', `/streams/${streamId}/transfers/${id}`);
  });

  it('go over TLS: a certificate that is not valid is said so, and passes only where verification is off', async () => {
    const tls = await startTlsProxy(platform.port);
    const url = `rtmps://127.0.0.1:${tls.port}/live/tls`;
    const { id } = await system.addTransfer(streamId, { url });
    expect(await system.transferReaches(streamId, id, 'failed')).toMatchObject({
      reason: { code: 'tls_certificate', retryable: true },
    });
    await change(id, { tlsVerify: false });
    await live(id);
    expect((await probe(`${platform.url}/tls`, { seconds: 4 })).video.length).toBeGreaterThan(20);
    await system.call('DELETE', `/streams/${streamId}/transfers/${id}`);
    await tls.stop();
  });

  it('that a platform denies are left alone for a minute, unless somebody asks for it now', async () => {
    let answer: 'accept' | { refuse: string } = { refuse: 'NetStream.Publish.Denied' };
    const rtmp = await startScriptedRtmpServer({
      get publish() {
        return answer;
      },
    });
    const { id } = await system.addTransfer(streamId, { url: `rtmp://127.0.0.1:${rtmp.port}/live/denied` });
    const failed = await system.transferReaches(streamId, id, 'failed');
    expect(failed).toMatchObject({
      attempts: 1,
      reason: { code: 'publish_denied', blame: 'customer', retryable: true },
    });
    expect(Date.parse(failed.nextRetryAt as string) - Date.now()).toBeGreaterThan(25_000);
    answer = 'accept';
    expect((await system.call('POST', `/streams/${streamId}/transfers/${id}/retry`)).status).toBe(202);
    expect(await live(id)).toMatchObject({ attempts: 2, reason: null, nextRetryAt: null });
    await system.call('DELETE', `/streams/${streamId}/transfers/${id}`);
    await expect.poll(() => rtmp.commands.map(([name]) => name)).toContain('deleteStream');
    await rtmp.stop();
  });
});
