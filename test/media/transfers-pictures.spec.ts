// Transfers whose pictures are encoded anew or change their size.
import { describe, expect, it } from 'vitest';
import { decodeAmf } from '../../apps/pipeline/src/output/rtmp/amf0.js';
import { MESSAGE } from '../../apps/pipeline/src/output/rtmp/chunks.js';
import { publishTestStream } from '../../tools/lib/whip-publisher.ts';
import { decodeFrames, probe, steps } from '../support/ffprobe.js';
import { startScriptedRtmpServer } from '../support/scripted-rtmp-server.js';
import {
  useMainStream,
  system,
  platform,
  streamId,
  entryPoint,
  add,
  live,
  change,
  recorded,
} from '../support/main-stream.js';

useMainStream();

/** What @setDataFrame says of the picture. */
function sizeOf(body: Buffer): [unknown, unknown] {
  const about = decodeAmf(body).find((value) => typeof value === 'object' && value !== null) as Record<string, unknown>;
  return [about.width, about.height];
}

describe('transfers of a running stream', () => {
  it('are transcoded as each wishes; those with the same profile share an encoder', async () => {
    const small = { height: 180, fps: 15, bitrate: 300, keyFrameInterval: 15 };
    const [one, two, plain, box] = await Promise.all([
      add('small-1', small),
      add('small-2', small),
      add('plain'),
      add('box', { width: 320, height: 320, bitrate: 300 }),
    ]);
    await Promise.all([one, two, plain, box].map(({ id }) => live(id)));
    const play = (name: string) => probe(`${platform.url}/${name}`, { seconds: 4 });
    const [a, b, c, d] = await Promise.all([play('small-1'), play('small-2'), play('plain'), play('box')]);
    const size = ({ streams }: typeof a) => streams.find(({ codec_type }) => codec_type === 'video');
    expect(size(a)).toMatchObject({ codec_name: 'h264', width: 320, height: 180, has_b_frames: 0 });
    expect(size(b)).toMatchObject({ width: 320, height: 180 });
    expect(size(c)).toMatchObject({ width: 640, height: 360 });
    expect(size(d)).toMatchObject({ width: 320, height: 320 });
    for (const { video, audio } of [a, b]) {
      expect(steps(video)).toSatisfy(({ smallest, largest }) => smallest >= 60 && largest <= 75);
      expect(steps(audio)).toSatisfy(({ smallest, largest }) => smallest > 0 && largest <= 25);
    }
    expect(await decodeFrames(`${platform.url}/box`, { frames: 30 })).toBe(30);
    // Back to what the publisher sends, on the same connection.
    await change(one.id, { height: null, fps: null, bitrate: null, keyFrameInterval: null });
    await expect
      .poll(
        async () =>
          (await probe(`${platform.url}/small-1`, { seconds: 1 })).streams.find(
            ({ codec_type }) => codec_type === 'video',
          )?.width,
        { timeout: 20_000 },
      )
      .toBe(640);
    // And to the encoder that another transfer has kept running.
    await change(one.id, small);
    await expect
      .poll(
        async () =>
          (await probe(`${platform.url}/small-1`, { seconds: 1 })).streams.find(
            ({ codec_type }) => codec_type === 'video',
          )?.width,
        { timeout: 20_000 },
      )
      .toBe(320);
    expect(await system.transfer(streamId, one.id)).toMatchObject({ state: 'live', attempts: 1 });
    await system.call('DELETE', `/streams/${streamId}/transfers/${one.id}`);
    const { file, video, audio } = await recorded('small-1');
    expect(await decodeFrames(file, { frames: 10_000 })).toBe(video.length);
    expect(steps(video).smallest).toBeGreaterThan(0);
    expect(steps(audio)).toSatisfy(({ smallest, largest }) => smallest > 0 && largest <= 25);
    for (const { id } of [two, plain, box]) await system.call('DELETE', `/streams/${streamId}/transfers/${id}`);
    // However old the stream was: no picture but its own, from the beginning on, and the audio with it.
    const whole = await recorded('small-2');
    const [first = 9, last = 9] = [whole.video[0]?.dts, whole.video.at(-1)?.dts];
    expect(whole.packets[0]?.dts).toBeLessThan(0.1);
    expect(Math.abs(first - (whole.audio[0]?.dts ?? 9))).toBeLessThan(0.3);
    expect(whole.video.length / (15 * (last - first))).toSatisfy((ratio: number) => ratio > 0.95 && ratio < 1.05);
    expect(steps(whole.audio)).toSatisfy(({ smallest, largest }) => smallest > 0 && largest <= 25);
    expect((await system.transfer(streamId, two.id)).figures?.bytesSent).toBeGreaterThan(50_000);
  });

  it('follow a picture that changes its size; a transcoding one keeps its canvas', async () => {
    const turning = await publishTestStream({
      url: entryPoint.whipUrl('turning'),
      token: entryPoint.token,
      localAddress: '127.0.0.1',
      width: 640,
      height: 360,
    });
    const { id } = await system.stream('turning');
    const plain = await system.addTransfer(id, { url: `${platform.url}/turning` });
    const boxed = await system.addTransfer(id, { url: `${platform.url}/boxed`, height: 180, bitrate: 300 });
    await Promise.all([plain, boxed].map((transfer) => system.transferReaches(id, transfer.id, 'live')));
    await expect.poll(async () => (await system.stream('turning')).figures?.width, { timeout: 6000 }).toBe(640);
    const seen = await startScriptedRtmpServer();
    const raw = await system.addTransfer(id, { url: `rtmp://127.0.0.1:${seen.port}/live/raw` });
    await system.transferReaches(id, raw.id, 'live');
    turning.setSize(360, 640);
    await expect.poll(async () => (await system.stream('turning')).figures?.width, { timeout: 10_000 }).toBe(360);
    const width = async (name: string) =>
      (await probe(`${platform.url}/${name}`, { seconds: 2 })).streams.find(({ codec_type }) => codec_type === 'video')
        ?.width;
    expect(await width('turning')).toBe(360);
    expect(await width('boxed')).toBe(320);
    expect(await decodeFrames(`${platform.url}/boxed`, { frames: 15 })).toBe(15);
    expect((await system.transfers(id)).map(({ state, attempts }) => [state, attempts])).toEqual([
      ['live', 1],
      ['live', 1],
      ['live', 1],
    ]);
    // The running connection was told: a description and a sequence header (AVCPacketType 0), again and before the pictures of the new size.
    const told = seen.media.flatMap(({ type, body }): unknown[] =>
      type === MESSAGE.data ? [sizeOf(body)] : type === MESSAGE.video && body[1] === 0 ? ['header'] : [],
    );
    expect(told).toEqual([[640, 360], 'header', [360, 640], 'header']);
    const headers = seen.media.filter(({ type, body }) => type === MESSAGE.video && body[1] === 0);
    expect(headers[1]?.body.equals(headers[0]?.body as Buffer)).toBe(false);
    const next = seen.media
      .slice(seen.media.indexOf(headers[1] as (typeof headers)[number]))
      .filter(({ type }) => type === MESSAGE.video)[1];
    expect(next?.body[0]).toBe(0x17);
    await turning.stop();
    await seen.stop();
    const { video } = await recorded('turning');
    expect(steps(video).smallest).toBeGreaterThan(0);
  });
});
