import { afterEach, describe, expect, it, vi } from 'vitest';
import { Hub, SILENT_AUDIO } from './hub.js';
import { AAC_FRAME_MS, type Frame } from './timeline.js';

/** Main profile: Baseline has no B-frames. */
const RECORD = Buffer.from('014d401effe10000', 'hex');
const BASELINE_RECORD = Buffer.from('0142c01effe10000', 'hex');
const hubs: Hub[] = [];

afterEach(() => {
  for (const hub of hubs.splice(0)) hub.close();
});

function open(onReordering?: (reorders: boolean) => void, record = RECORD) {
  const hub = new Hub(onReordering);
  hubs.push(hub);
  const frames: Frame[] = [];
  hub.attach({ push: (frame) => frames.push(frame) });
  const feed = hub.openFeed(true);
  feed.setVideoConfig(record, 640, 360);
  const video = (time: number, keyframe = false): void => feed.video({ data: Buffer.from([1]), time, keyframe });
  const audio = (time: number): void => feed.audio({ data: Buffer.from([7]), time, keyframe: true });
  const videoFrames = () =>
    frames
      .filter(({ kind }) => kind === 'video')
      .map(({ at, body }) => [Math.round(at - (frames[0]?.at ?? 0)), body.readIntBE(2, 3)]);
  return { hub, video, audio, frames, videoFrames };
}

describe('Hub', () => {
  it('gives B-frames a time of decoding that never goes back, and says that they are there', async () => {
    const said: boolean[] = [];
    const { hub, video, videoFrames } = open((reorders) => said.push(reorders));
    video(0, true);
    video(100);
    video(33);
    expect(said).toEqual([]);
    video(67);
    video(200);
    video(133);
    expect(said).toEqual([true]);
    expect(hub.reorders).toBe(true);
    await expect.poll(videoFrames).toEqual([
      [0, 0],
      [100, 0],
      [100, -67],
      [100, -33],
      [200, 0],
      [200, -67],
    ]);
  });

  it('takes a slip of the clock for what it is where there can be no B-frames', () => {
    const said: boolean[] = [];
    const { hub, video } = open((reorders) => said.push(reorders), BASELINE_RECORD);
    for (const ms of [0, 33, 10, 43, 20, 53, 30]) video(ms, ms === 0);
    expect([said, hub.reorders, hub.isReorderingKnown]).toEqual([[], false, true]);
  });

  // Half a second: as far apart as a publisher's two encoders are at the most.
  it.each([0, 100, 500])('keeps all audio that arrives %i ms later than its video frames', async (lateMs) => {
    vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
    try {
      const { video, audio, frames } = open();
      const until = 5000;
      for (let now = 0; now < until; now += 10) {
        vi.advanceTimersByTime(10);
        if (now % 30 === 0) video(now, now === 0);
        for (
          let at = Math.ceil((now - lateMs) / AAC_FRAME_MS) * AAC_FRAME_MS;
          at >= 0 && at < now - lateMs + 10;
          at += AAC_FRAME_MS
        )
          audio(at);
      }
      const sent = frames.filter(({ kind }) => kind === 'audio');
      // Silence only until the first audio has come.
      expect(sent.filter(({ at, body }) => body === SILENT_AUDIO && at > lateMs + 100)).toEqual([]);
      expect(sent.length).toBeGreaterThan((until - lateMs - 200) / AAC_FRAME_MS);
    } finally {
      vi.useRealTimers();
    }
  });

  it('waits for audio behind a lost packet', async () => {
    vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
    try {
      const { video, audio, frames } = open();
      const LATE_MS = 60;
      const held: number[] = [];
      for (let now = 0; now < 4000; now += 10) {
        vi.advanceTimersByTime(10);
        if (now % 30 === 0) video(now, now === 0);
        for (
          let at = Math.ceil((now - LATE_MS) / AAC_FRAME_MS) * AAC_FRAME_MS;
          at >= 0 && at < now - LATE_MS + 10;
          at += AAC_FRAME_MS
        )
          held.push(at);
        // For 400 ms nothing passes the jitter buffer, then all that it held back.
        if (now >= 2000 && now < 2400) continue;
        for (const at of held.splice(0)) audio(at);
      }
      expect(frames.filter(({ at, body }) => body === SILENT_AUDIO && at > LATE_MS + 100)).toEqual([]);
    } finally {
      vi.useRealTimers();
    }
  });
});
