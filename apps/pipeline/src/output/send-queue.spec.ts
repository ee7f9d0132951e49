import { describe, expect, it } from 'vitest';
import { SendQueue } from './send-queue.js';
import type { Frame } from '../stream/timeline.js';

const video = (at: number, keyframe = false): Frame => ({ kind: 'video', at, keyframe, body: Buffer.alloc(10) });
const audio = (at: number): Frame => ({ kind: 'audio', at, keyframe: false, body: Buffer.alloc(2) });
const drain = (queue: SendQueue): string[] => {
  const out: string[] = [];
  for (let frame = queue.shift(); frame; frame = queue.shift())
    out.push(`${frame.kind[0]}${frame.keyframe ? 'K' : ''}${frame.at}`);
  return out;
};

describe('SendQueue', () => {
  it('keeps everything while the platform keeps up', () => {
    const queue = new SendQueue(1000);
    for (const frame of [video(0, true), audio(10), video(33)]) queue.push(frame);
    expect(queue.bytes).toBe(22);
    expect(queue.spanMs).toBe(33);
    expect(drain(queue)).toEqual(['vK0', 'a10', 'v33']);
    expect(queue.dropped).toBe(0);
  });

  it('drops whole groups and keeps the newest one that has begun', () => {
    const queue = new SendQueue(1000);
    for (let at = 0; at <= 1100; at += 100) queue.push(video(at, at % 500 === 0));
    expect(drain(queue)).toEqual(['vK1000', 'v1100']);
    expect(queue.dropped).toBe(10);
  });

  it('with no newer key frame waiting, drops video until the next one', () => {
    const queue = new SendQueue(1000);
    for (let at = 0; at <= 1100; at += 100) queue.push(video(at, at === 0));
    for (const frame of [video(1200), audio(1210), video(1300), video(1400, true), video(1500)]) queue.push(frame);
    expect(drain(queue)).toEqual(['a1210', 'vK1400', 'v1500']);
    expect(queue.dropped).toBe(14);
  });

  it('never lets a video frame follow one that it does not refer to', () => {
    for (let seed = 1; seed <= 50; seed += 1) {
      const queue = new SendQueue(300);
      const sent: Frame[] = [];
      let random = seed;
      const next = (): number => (random = (random * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648;
      for (let at = 0; at < 20_000; at += 33) {
        queue.push(video(at, at % 990 === 0));
        queue.push(audio(at + 5));
        while (next() < 0.45) {
          const frame = queue.shift();
          if (frame) sent.push(frame);
        }
      }
      const videoFrames = sent.filter(({ kind }) => kind === 'video');
      expect(videoFrames[0]?.keyframe).toBe(true);
      for (let i = 1; i < videoFrames.length; i += 1) {
        const frame = videoFrames[i] as Frame;
        if (!frame.keyframe) expect(frame.at - (videoFrames[i - 1] as Frame).at).toBe(33);
      }
    }
  });
});
