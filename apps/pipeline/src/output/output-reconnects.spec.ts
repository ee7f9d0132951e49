import { describe, expect, it } from 'vitest';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Script, startScriptedRtmpServer } from '../../../../test/support/scripted-rtmp-server.js';
import type { TransferStatus } from '#libs/protocol';
import { MESSAGE } from './rtmp/chunks.js';
import { useOutputs, video, audio, open, connected, times } from '../../../../test/support/outputs.js';

useOutputs();

describe('Output', () => {
  it('begins anew after a broken connection: headers, a key frame, and 0', async () => {
    const { rtmp, output } = await connected({}, { reconnectIntervalMs: 50 });
    output.push(video(100_000, true));
    await expect.poll(() => times(rtmp, MESSAGE.video)).toEqual([0]);
    rtmp.sockets[0]?.destroy();
    await expect.poll(() => rtmp.connects.length).toBe(2);
    rtmp.media.length = 0;
    await expect
      .poll(() => {
        // Of what comes while there is no connection nothing is kept, and what follows it cannot be decoded.
        output.push(video(100_033));
        output.push(audio(100_040));
        output.push(video(100_066, true));
        return rtmp.media.length;
      })
      .toBeGreaterThan(4);
    const [audioHeader, videoHeader, first] = rtmp.media;
    expect(
      [audioHeader, videoHeader, first].map((message) => [message?.type, message?.timestamp, message?.body[1]]),
    ).toEqual([
      [MESSAGE.audio, 0, 0],
      [MESSAGE.video, 0, 0],
      [MESSAGE.video, 0, 1],
    ]);
    // A key frame (FLV tag, E.4.3.1).
    expect((first?.body[0] ?? 0) >> 4).toBe(1);
    expect(output.figures().reconnects).toBe(1);
  });

  it.each([5, 15])(
    'is back within moments at a platform that was away for %i s, with one attempt',
    async (seconds) => {
      const statuses: TransferStatus[] = [];
      const { rtmp, output } = await connected({ onStatus: (status) => statuses.push(status) });
      const isLive = (): boolean => {
        output.push(video(performance.now(), true));
        return output.snapshot.state === 'live';
      };
      await expect.poll(isLive).toBe(true);
      await rtmp.stop();
      await expect.poll(() => statuses.at(-1)?.reason, { timeout: 10_000 }).toBe('tcp_refused');
      await sleep(seconds * 1000);
      const back = await startScriptedRtmpServer({}, rtmp.port);
      open.push(() => back.stop());
      const from = performance.now();
      await expect.poll(isLive, { interval: 20, timeout: 20_000 }).toBe(true);
      expect(performance.now() - from).toBeLessThan(1500);
      expect(back.connects.length).toBe(1);
    },
    60_000,
  );

  it('does not knock at a platform that refuses it', async () => {
    const statuses: TransferStatus[] = [];
    const script: Script = {};
    const { rtmp, output } = await connected({ onStatus: (status) => statuses.push(status) }, {}, script);
    await expect.poll(() => (output.push(video(0, true)), output.snapshot.state)).toBe('live');
    script.publish = 'close';
    rtmp.sockets[0]?.destroy();
    await expect
      .poll(() => statuses.filter(({ reason }) => reason === 'closed_by_platform').length, { timeout: 10_000 })
      .toBe(3);
    // Each connection was an attempt.
    expect(rtmp.connects.length).toBe(rtmp.sockets.length);
  }, 20_000);

  it('takes a platform that accepts it and hangs up for one that fails, however often', async () => {
    const statuses: TransferStatus[] = [];
    const { rtmp, output } = await connected(
      { onStatus: (status) => statuses.push(status) },
      { reconnectIntervalMs: 100 },
    );
    const failures = () =>
      statuses.filter(({ reason, nextRetryAt }) => reason === 'closed_by_platform' && nextRetryAt !== null);
    for (let round = 1; round <= 4; round += 1) {
      const live = statuses.filter(({ state }) => state === 'live').length;
      await expect
        .poll(() => {
          output.push(video(round * 1000, true));
          return statuses.filter(({ state }) => state === 'live').length;
        })
        .toBe(live + 1);
      await expect.poll(() => times(rtmp, MESSAGE.video).length).toBeGreaterThanOrEqual(round);
      rtmp.sockets.at(-1)?.end();
      await expect.poll(() => failures().length).toBe(round);
    }
    expect(failures().map(({ state }) => state)).toEqual(['reconnecting', 'reconnecting', 'reconnecting', 'failed']);
  });

  it('pauses longer with each connection that is lost at once', async () => {
    const statuses: TransferStatus[] = [];
    const { rtmp, output } = await connected({
      onStatus: (status) => statuses.push({ ...status, liveAt: String(performance.now()) }),
    });
    const pauses: number[] = [];
    for (let round = 1; round <= 2; round += 1) {
      await expect
        .poll(
          () => {
            output.push(video(round * 1000, true));
            return statuses.at(-1)?.state;
          },
          { timeout: 5000 },
        )
        .toBe('live');
      rtmp.sockets.at(-1)?.end();
      await expect.poll(() => statuses.at(-1)?.nextRetryAt).toBeTruthy();
      pauses.push(new Date(statuses.at(-1)?.nextRetryAt ?? 0).getTime() - Date.now());
    }
    // 500 to 1000 ms, then 1000 to 2000 ms.
    expect(pauses[1]).toBeGreaterThan(900);
  });

  it('says that it gets no frames by a fault of the service, and connects anew', async () => {
    const statuses: TransferStatus[] = [];
    const { rtmp, output } = await connected({ onStatus: (status) => statuses.push(status) });
    output.push(video(0, true));
    await expect.poll(() => statuses.at(-1)?.state).toBe('live');
    output.failWithoutFrames('its encoder failed: x');
    expect(statuses.at(-1)).toMatchObject({
      state: 'reconnecting',
      reason: 'service_error',
      detail: 'its encoder failed: x',
    });
    // What is not connected waits already.
    const told = statuses.length;
    output.failWithoutFrames('again');
    expect(statuses).toHaveLength(told);
    await expect.poll(() => rtmp.connects.length).toBe(2);
    // Until frames come again, it is still so.
    expect(output.snapshot).toMatchObject({ state: 'reconnecting', reason: 'service_error' });
  });
});
