import { afterEach, describe, expect, it } from 'vitest';
import { setTimeout as sleep } from 'node:timers/promises';
import { AllowList } from '#libs/net';
import { type TransferOptions } from '#libs/transfer';
import {
  type Script,
  type ScriptedRtmpServer,
  startScriptedRtmpServer,
} from '../../../../test/support/scripted-rtmp-server.js';
import { wantedTransfer } from '../../../../test/support/wanted-transfer.js';
import { SILENT_AUDIO } from '../stream/hub.js';
import { Output, type OutputContext } from './output.js';
import type { TransferStatus, WantedTransfer } from '#libs/protocol';
import { decodeAmf } from './rtmp/amf0.js';
import { avcFrame, avcSequenceHeader } from '../flv/flv.js';
import { MESSAGE } from './rtmp/chunks.js';
import { AAC_FRAME_MS, type Frame, type VideoConfig } from '../stream/timeline.js';

const CONFIG: VideoConfig = {
  header: avcSequenceHeader(Buffer.from('0142c01effe10000', 'hex')),
  width: 640,
  height: 360,
};
const picture = (at: number, keyframe = false, config = CONFIG): Frame => ({
  kind: 'video',
  at,
  keyframe,
  body: avcFrame(Buffer.from([at & 255]), keyframe, 0),
  config,
});
const audio = (at: number): Frame => ({ kind: 'audio', at, keyframe: false, body: SILENT_AUDIO });
const open: (() => unknown)[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((close) => close()));
});

const wanted = (port: number, options: TransferOptions = {}): WantedTransfer =>
  wantedTransfer('t', `rtmp://127.0.0.1:${port}/live/key`, { sendMetadata: false, ...options });

/** An output that is connected to a platform and has sent nothing yet. */
async function connected(
  context: Partial<OutputContext> = {},
  options: TransferOptions = {},
  script: Script = {},
): Promise<{ rtmp: ScriptedRtmpServer; output: Output }> {
  const rtmp = await startScriptedRtmpServer(script);
  let isAsked = false;
  const output = new Output(wanted(rtmp.port, options), {
    allowList: AllowList.parse('127.0.0.1'),
    requestKeyframe: () => (isAsked = true),
    onStatus: () => undefined,
    hasVideo: () => true,
    orderIsKnown: () => true,
    openSound: async () => [],
    ...context,
  });
  open.push(() => output.close('test').then(() => rtmp.stop()));
  output.start();
  // It wants a picture to begin with.
  await expect.poll(() => isAsked, { interval: 5 }).toBe(true);
  return { rtmp, output };
}

/** Timestamps of what arrived, without what only describes it. */
const times = (rtmp: ScriptedRtmpServer, type: number) =>
  rtmp.media.filter((message) => message.type === type && message.body[1] !== 0).map(({ timestamp }) => timestamp);

describe('Output', () => {
  it('begins with a picture and leaves out audio that is older, however late that comes', async () => {
    const { rtmp, output } = await connected();
    output.push(audio(900));
    output.push(picture(1000, true));
    for (let at = 930; at < 1100; at += AAC_FRAME_MS) output.push(audio(at));
    output.push(picture(1033));
    await expect.poll(() => times(rtmp, MESSAGE.video)).toEqual([0, 33]);
    // The one at 994 begins 6 ms before the picture, and ends well after it.
    await expect.poll(() => times(rtmp, MESSAGE.audio)).toEqual([0, 15, 37, 58, 79]);
  });

  it('tells what comes before the headers of what comes, and once', async () => {
    const { rtmp, output } = await connected({}, { sendMetadata: true });
    output.push(picture(0, true));
    output.push(picture(33));
    const order = () =>
      rtmp.media.map(({ type, timestamp, body }) => [type, timestamp, type === MESSAGE.data ? 'onMetaData' : body[1]]);
    await expect.poll(order).toEqual([
      [MESSAGE.data, 0, 'onMetaData'],
      [MESSAGE.audio, 0, 0],
      [MESSAGE.video, 0, 0],
      [MESSAGE.video, 0, 1],
      [MESSAGE.video, 33, 1],
    ]);
    expect(decodeAmf(rtmp.media[0]?.body as Buffer)).toMatchObject([
      '@setDataFrame',
      'onMetaData',
      { width: 640, height: 360, videocodecid: 7, audiocodecid: 10 },
    ]);
    output.push(picture(66, true, { ...CONFIG, width: 320 }));
    await expect
      .poll(() => order().slice(5))
      .toEqual([
        [MESSAGE.data, 33, 'onMetaData'],
        [MESSAGE.video, 66, 0],
        [MESSAGE.video, 66, 1],
      ]);
  });

  it('tells of pictures where audio had to begin alone, when they come', async () => {
    const { rtmp, output } = await connected({ hasVideo: () => false }, { sendMetadata: true });
    output.push(audio(0));
    output.push(picture(30, true));
    await expect
      .poll(() => rtmp.media.map(({ type }) => type))
      .toEqual([MESSAGE.data, MESSAGE.audio, MESSAGE.audio, MESSAGE.data, MESSAGE.video, MESSAGE.video]);
    const [, , told] = decodeAmf(rtmp.media[3]?.body as Buffer);
    expect(told).toMatchObject({ width: 640 });
  });

  it('waits for the order of the first pictures, and forgets them when they are encoded anew', async () => {
    let orderIsKnown = false;
    const { rtmp, output } = await connected({ orderIsKnown: () => orderIsKnown });
    output.push(picture(0, true));
    output.push(picture(100));
    output.push(picture(33));
    output.branchChanged();
    orderIsKnown = true;
    const encoded = { ...CONFIG, width: 320 };
    output.push(picture(133, false, encoded));
    output.push(picture(166, true, encoded));
    output.push(picture(200, false, encoded));
    await expect.poll(() => times(rtmp, MESSAGE.video)).toEqual([0, 34]);
  });

  it('begins video with a key frame where audio had to begin alone', async () => {
    const { rtmp, output } = await connected({ hasVideo: () => false });
    output.push(audio(0));
    output.push(picture(30));
    output.push(picture(60, true));
    output.push(picture(90));
    await expect.poll(() => times(rtmp, MESSAGE.video)).toEqual([60, 90]);
    expect(times(rtmp, MESSAGE.audio)).toEqual([0]);
  });

  it('begins anew after a broken connection: headers, a key frame, and 0', async () => {
    const { rtmp, output } = await connected({}, { reconnectIntervalMs: 50 });
    output.push(picture(100_000, true));
    await expect.poll(() => times(rtmp, MESSAGE.video)).toEqual([0]);
    rtmp.sockets[0]?.destroy();
    await expect.poll(() => rtmp.connects.length).toBe(2);
    rtmp.media.length = 0;
    await expect
      .poll(() => {
        // Of what comes while there is no connection nothing is kept, and what follows it cannot be decoded.
        output.push(picture(100_033));
        output.push(audio(100_040));
        output.push(picture(100_066, true));
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
        output.push(picture(performance.now(), true));
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
    await expect.poll(() => (output.push(picture(0, true)), output.snapshot.state)).toBe('live');
    script.publish = 'close';
    rtmp.sockets[0]?.destroy();
    await expect
      .poll(() => statuses.filter(({ reason }) => reason === 'closed_by_platform').length, { timeout: 10_000 })
      .toBe(3);
    // Each connection was an attempt.
    expect(rtmp.connects.length).toBe(rtmp.sockets.length);
  }, 20_000);

  it('goes where it was sent while it was paused', async () => {
    const { rtmp, output } = await connected();
    const other = await startScriptedRtmpServer();
    open.push(() => other.stop());
    output.update(wanted(rtmp.port, { paused: true }));
    output.update(wanted(other.port, { paused: true }));
    output.update(wanted(other.port, { paused: false }));
    await expect.poll(() => other.connects.length).toBe(1);
    expect(rtmp.connects.length).toBe(1);
  });

  it('says goodbye to the old connection before it makes the next', async () => {
    const { rtmp, output } = await connected();
    output.push(picture(0, true));
    output.update(wanted(rtmp.port, { flashVer: 'other' }));
    await expect
      .poll(() => rtmp.commands.map(([name]) => name).slice(4, 7))
      .toEqual(['FCUnpublish', 'deleteStream', 'releaseStream']);
    expect(rtmp.sockets[0]?.destroyed).toBe(true);
  });

  it('gathers as much as it is told to before it begins', async () => {
    const { rtmp, output } = await connected({}, { bufferStartMs: 6000 });
    for (let at = 0; at < 6100; at += 100) {
      expect(times(rtmp, MESSAGE.video)).toEqual([]);
      output.push(picture(at, at % 1000 === 0));
    }
    await expect.poll(() => times(rtmp, MESSAGE.video).length).toBe(61);
    expect(output.figures().droppedFrames).toBe(0);
  });

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
          output.push(picture(round * 1000, true));
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
            output.push(picture(round * 1000, true));
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

  it('plays a sound that was wished for, however often the wish is told while it is read', async () => {
    let read: (frames: Buffer[]) => void = () => undefined;
    const { rtmp, output } = await connected({ openSound: () => new Promise((resolve) => (read = resolve)) });
    output.update(wanted(rtmp.port, { sound: { file: 'x.wav', loop: true } }));
    output.update(wanted(rtmp.port, { sound: { file: 'x.wav', loop: true } }));
    const sound = Buffer.from([0xaf, 1, 0x55]);
    read([sound]);
    await new Promise(setImmediate);
    output.push(picture(0, true));
    output.push(audio(0));
    await expect
      .poll(() =>
        rtmp.media.filter(({ type, body }) => type === MESSAGE.audio && body[1] === 1).map(({ body }) => body),
      )
      .toEqual([sound]);
  });

  it('says that a sound cannot be played until another is wished for, and goes on', async () => {
    const statuses: TransferStatus[] = [];
    const { rtmp, output } = await connected(
      {
        onStatus: (status) => statuses.push(status),
        openSound: async () => Promise.reject(new Error('it holds no sound')),
      },
      { sound: { file: 'x.wav', loop: true } },
    );
    await expect
      .poll(() => statuses.at(-1))
      .toMatchObject({ reason: 'sound_failed', detail: 'x.wav: it holds no sound' });
    output.push(picture(0, true));
    await expect.poll(() => statuses.at(-1)?.state).toBe('live');
    expect(output.snapshot).toMatchObject({ state: 'live', reason: 'sound_failed' });
    output.update(wanted(rtmp.port));
    expect(statuses.at(-1)).toMatchObject({ state: 'live', reason: null, detail: null });
  });

  it('says that it gets no frames by a fault of the service, and connects anew', async () => {
    const statuses: TransferStatus[] = [];
    const { rtmp, output } = await connected({ onStatus: (status) => statuses.push(status) });
    output.push(picture(0, true));
    await expect.poll(() => statuses.at(-1)?.state).toBe('live');
    output.starve('its encoder failed: x');
    expect(statuses.at(-1)).toMatchObject({
      state: 'reconnecting',
      reason: 'service_error',
      detail: 'its encoder failed: x',
    });
    // What is not connected waits already.
    const told = statuses.length;
    output.starve('again');
    expect(statuses).toHaveLength(told);
    await expect.poll(() => rtmp.connects.length).toBe(2);
    // Until frames come again, it is still so.
    expect(output.snapshot).toMatchObject({ state: 'reconnecting', reason: 'service_error' });
  });
});
