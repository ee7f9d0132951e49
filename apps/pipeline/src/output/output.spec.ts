import { describe, expect, it } from 'vitest';
import { startScriptedRtmpServer } from '../../../../test/support/scripted-rtmp-server.js';
import type { TransferStatus } from '#libs/protocol';
import { decodeAmf } from './rtmp/amf0.js';
import { MESSAGE } from './rtmp/chunks.js';
import { AAC_FRAME_MS } from '../stream/timeline.js';
import { useOutputs, CONFIG, video, audio, open, wanted, connected, times } from '../../../../test/support/outputs.js';

useOutputs();

describe('Output', () => {
  it('begins with a video frame and leaves out audio that is older, however late that comes', async () => {
    const { rtmp, output } = await connected();
    output.push(audio(900));
    output.push(video(1000, true));
    for (let at = 930; at < 1100; at += AAC_FRAME_MS) output.push(audio(at));
    output.push(video(1033));
    await expect.poll(() => times(rtmp, MESSAGE.video)).toEqual([0, 33]);
    // The one at 994 begins 6 ms before the video frame, and ends well after it.
    await expect.poll(() => times(rtmp, MESSAGE.audio)).toEqual([0, 15, 37, 58, 79]);
  });

  it('tells what comes before the headers of what comes, and once', async () => {
    const { rtmp, output } = await connected({}, { sendMetadata: true });
    output.push(video(0, true));
    output.push(video(33));
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
    output.push(video(66, true, { ...CONFIG, width: 320 }));
    await expect
      .poll(() => order().slice(5))
      .toEqual([
        [MESSAGE.data, 33, 'onMetaData'],
        [MESSAGE.video, 66, 0],
        [MESSAGE.video, 66, 1],
      ]);
  });

  it('tells of video frames where audio had to begin alone, when they come', async () => {
    const { rtmp, output } = await connected({ hasVideo: () => false }, { sendMetadata: true });
    output.push(audio(0));
    output.push(video(30, true));
    await expect
      .poll(() => rtmp.media.map(({ type }) => type))
      .toEqual([MESSAGE.data, MESSAGE.audio, MESSAGE.audio, MESSAGE.data, MESSAGE.video, MESSAGE.video]);
    const [, , told] = decodeAmf(rtmp.media[3]?.body as Buffer);
    expect(told).toMatchObject({ width: 640 });
  });

  it('waits for the order of the first video frames, and forgets them when they are encoded anew', async () => {
    let isReorderingKnown = false;
    const { rtmp, output } = await connected({ isReorderingKnown: () => isReorderingKnown });
    output.push(video(0, true));
    output.push(video(100));
    output.push(video(33));
    output.branchChanged();
    isReorderingKnown = true;
    const encoded = { ...CONFIG, width: 320 };
    output.push(video(133, false, encoded));
    output.push(video(166, true, encoded));
    output.push(video(200, false, encoded));
    await expect.poll(() => times(rtmp, MESSAGE.video)).toEqual([0, 34]);
  });

  it('begins video with a key frame where audio had to begin alone', async () => {
    const { rtmp, output } = await connected({ hasVideo: () => false });
    output.push(audio(0));
    output.push(video(30));
    output.push(video(60, true));
    output.push(video(90));
    await expect.poll(() => times(rtmp, MESSAGE.video)).toEqual([60, 90]);
    expect(times(rtmp, MESSAGE.audio)).toEqual([0]);
  });

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
    output.push(video(0, true));
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
      output.push(video(at, at % 1000 === 0));
    }
    await expect.poll(() => times(rtmp, MESSAGE.video).length).toBe(61);
    expect(output.figures().droppedFrames).toBe(0);
  });

  it('plays a sound that was wished for, however often the wish is told while it is read', async () => {
    let read: (frames: Buffer[]) => void = () => undefined;
    const { rtmp, output } = await connected({ openSound: () => new Promise((resolve) => (read = resolve)) });
    output.update(wanted(rtmp.port, { sound: { file: 'x.wav', loop: true } }));
    output.update(wanted(rtmp.port, { sound: { file: 'x.wav', loop: true } }));
    const sound = Buffer.from([0xaf, 1, 0x55]);
    read([sound]);
    await new Promise(setImmediate);
    output.push(video(0, true));
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
    output.push(video(0, true));
    await expect.poll(() => statuses.at(-1)?.state).toBe('live');
    expect(output.snapshot).toMatchObject({ state: 'live', reason: 'sound_failed' });
    output.update(wanted(rtmp.port));
    expect(statuses.at(-1)).toMatchObject({ state: 'live', reason: null, detail: null });
  });
});
