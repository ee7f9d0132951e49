import { afterEach, describe, expect, it } from 'vitest';
import { Hub } from './hub.js';
import type { Frame } from './timeline.js';

const RECORD = Buffer.from('0142c01effe10000', 'hex');
const hubs: Hub[] = [];

afterEach(() => {
  for (const hub of hubs.splice(0)) hub.close();
});

function open(onReordering?: (reorders: boolean) => void) {
  const hub = new Hub(onReordering);
  hubs.push(hub);
  const frames: Frame[] = [];
  hub.attach({ push: (frame) => frames.push(frame) });
  const feed = hub.openFeed(true);
  feed.setVideoConfig(RECORD, 640, 360);
  const video = (ms: number | null, keyframe = false): void => feed.video({ data: Buffer.from([1]), pts: ms === null ? null : ms * 1e6, keyframe });
  const pictures = () => frames.filter(({ kind }) => kind === 'video').map(({ at, body }) => [Math.round(at - (frames[0]?.at ?? 0)), body.readIntBE(2, 3)]);
  return { hub, video, pictures };
}

describe('Hub', () => {
  it('passes on a picture that came without a time of its own', async () => {
    const { video, pictures } = open();
    video(1000, true);
    video(1033);
    video(null);
    video(1100);
    await expect.poll(pictures).toEqual([[0, 0], [33, 0], [33, 0], [100, 0]]);
  });

  it('gives B-frames a time of decoding that never goes back, and says that they are there', async () => {
    const said: boolean[] = [];
    const { hub, video, pictures } = open((reorders) => said.push(reorders));
    video(0, true);
    video(100);
    video(33);
    expect(said).toEqual([]);
    video(67);
    expect(said).toEqual([true]);
    expect(hub.reorders).toBe(true);
    await expect.poll(pictures).toEqual([[0, 0], [100, 0], [100, -67], [100, -33]]);
  });
});
