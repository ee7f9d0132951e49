// The encoders behind transfers that want another picture, with real GStreamer and without a stream around them.
import { afterEach, describe, expect, it } from 'vitest';
import { Branches } from '../../apps/pipeline/src/encode/branches.js';
import { Hub } from '../../apps/pipeline/src/stream/hub.js';
import { avcFrame, avcSequenceHeader } from '../../apps/pipeline/src/flv/flv.js';
import type { Frame, VideoConfig } from '../../apps/pipeline/src/stream/timeline.js';
import { Transcoder } from '../../apps/pipeline/src/encode/transcoder.js';
import { Element, Pipeline, type Sample } from '#libs/gst';

const PROFILE = { width: null, height: 90, fps: null, keyFrameInterval: 30, bitrate: 200 };
const FPS = 15;
const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

/** H.264 pictures as a publisher would send them, 15 a second from `at` on. */
async function encoded(count: number, at: number): Promise<Frame[]> {
  const pipeline = new Pipeline();
  const sink = Element.make('appsink', { sync: false });
  const samples: Sample[] = [];
  sink.onSample((sample) => samples.push(sample));
  pipeline.chain([
    Element.make('videotestsrc', { 'num-buffers': count }),
    Element.make('capsfilter', { caps: `video/x-raw,width=160,height=90,framerate=${FPS}/1` }),
    Element.make('x264enc', { tune: 'zerolatency', 'key-int-max': 10 }),
    Element.make('h264parse'),
    Element.make('capsfilter', { caps: 'video/x-h264,stream-format=avc,alignment=au' }),
    sink,
  ]);
  await pipeline.play();
  await expect.poll(() => samples.length).toBe(count);
  await pipeline.close();
  const config: VideoConfig = { header: avcSequenceHeader(samples[0]?.codecData as Buffer), width: 160, height: 90 };
  return samples.map(({ data, keyframe }, i) => ({
    kind: 'video',
    at: at + (i * 1000) / FPS,
    keyframe,
    body: avcFrame(data, keyframe, 0),
    config,
  }));
}

/** Takes frames, as an output does. */
class Taker {
  readonly frames: Frame[] = [];
  branches = 0;

  push(frame: Frame): void {
    this.frames.push(frame);
  }

  branchChanged(): void {
    this.branches += 1;
  }
}

describe('a transcoder', () => {
  it.each([
    ['the frame rate of the stream', null, 30],
    ['its own frame rate', 5, 10],
  ])('that joins a stream which runs for long gives its pictures at their time, with %s', async (_, fps, count) => {
    const failures: string[] = [];
    const transcoder = new Transcoder(
      { ...PROFILE, fps },
      {
        requestKeyframe: () => undefined,
        onWarning: (message) => failures.push(message),
        onFailed: (message) => failures.push(message),
        onDropped: () => undefined,
      },
    );
    closers.push(() => transcoder.close());
    const taker = new Taker();
    transcoder.attach(taker);
    for (const frame of await encoded(30, 100_000)) transcoder.push(frame);
    await expect.poll(() => taker.frames.length).toBeGreaterThanOrEqual(count - 1);
    expect(failures).toEqual([]);
    expect(taker.frames.length).toBeLessThanOrEqual(count + 1);
    expect(taker.frames[0]?.at).toBeGreaterThan(99_800);
    expect(taker.frames[0]?.at).toBeLessThan(100_200);
  });

  it('does not fill the time in which the publisher was away with its last picture', async () => {
    const transcoder = new Transcoder(
      { ...PROFILE, fps: FPS },
      {
        requestKeyframe: () => undefined,
        onWarning: () => undefined,
        onFailed: () => undefined,
        onDropped: () => undefined,
      },
    );
    closers.push(() => transcoder.close());
    const taker = new Taker();
    transcoder.attach(taker);
    for (const frame of [...(await encoded(15, 100_000)), ...(await encoded(15, 160_000))]) transcoder.push(frame);
    await expect.poll(() => taker.frames.at(-1)?.at ?? 0).toBeGreaterThan(160_500);
    expect(taker.frames.length).toBeLessThanOrEqual(2 * FPS + 2);
  });
});

describe('branches', () => {
  it('replace an encoder that failed; its outputs begin on the new one', async () => {
    const hub = new Hub();
    const warnings: string[] = [];
    const branches = new Branches<Taker>(hub, {
      requestKeyframe: () => undefined,
      onWarning: (message) => warnings.push(message),
      onGivenUp: () => undefined,
    });
    closers.push(() => branches.close());
    const taker = new Taker();
    branches.attach(taker, PROFILE);
    const [first, ...more] = (await encoded(30, 0)) as [Frame, ...Frame[]];
    const feed = hub.openFeed(true);
    const push = ({ body, keyframe }: Frame, at: number): void =>
      feed.video({ data: body.subarray(5), time: at, keyframe });
    // A decoder configuration that is none.
    feed.setVideoConfig(Buffer.from('ff00', 'hex'), 160, 90);
    push(first, 0);
    await expect.poll(() => warnings.length).toBeGreaterThan(0);
    expect(taker.frames.filter(({ kind }) => kind === 'video')).toEqual([]);
    feed.setVideoConfig((first.config as VideoConfig).header.subarray(5), 160, 90);
    await expect.poll(() => taker.branches).toBe(2);
    for (const [i, frame] of [first, ...more].entries()) push(frame, 100 + (i * 1000) / FPS);
    await expect.poll(() => taker.frames.filter(({ kind }) => kind === 'video').length).toBeGreaterThan(25);
  });

  it('say so when an encoder fails again and again', async () => {
    const hub = new Hub();
    const givenUp: Taker[] = [];
    const branches = new Branches<Taker>(
      hub,
      { requestKeyframe: () => undefined, onWarning: () => undefined, onGivenUp: (taker) => givenUp.push(taker) },
      () => 10,
    );
    closers.push(() => branches.close());
    const [taker, other] = [new Taker(), new Taker()];
    branches.attach(taker, PROFILE);
    branches.attach(other, null);
    const [first] = (await encoded(1, 0)) as [Frame];
    const feed = hub.openFeed(true);
    feed.setVideoConfig(Buffer.from('ff00', 'hex'), 160, 90);
    const timer = setInterval(
      () => feed.video({ data: first.body.subarray(5), time: performance.now(), keyframe: true }),
      50,
    );
    closers.push(async () => clearInterval(timer));
    await expect.poll(() => givenUp).toContain(taker);
    expect(givenUp).not.toContain(other);
  });
});
