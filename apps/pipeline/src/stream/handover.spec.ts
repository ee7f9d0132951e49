import { describe, expect, it } from 'vitest';
import { Handover } from './handover.js';
import { SILENT_AUDIO } from './hub.js';
import { AAC_FRAME_MS, type Frame } from './timeline.js';

const SOUND = Buffer.from([0xaf, 1, 2]);
const video = (at: number, keyframe = false): Frame => ({ kind: 'video', at, keyframe, body: Buffer.alloc(5) });
const audio = (at: number): Frame => ({ kind: 'audio', at, keyframe: false, body: SOUND });

function handover() {
  let asked = 0;
  const seam = new Handover(() => (asked += 1));
  return {
    begin: () => seam.begin(),
    pass: (frame: Frame) => seam.pass(frame).map(({ at }) => Math.round(at)),
    frames: (frame: Frame) => seam.pass(frame),
    asked: () => asked,
  };
}

describe('Handover', () => {
  it('lets everything pass while nothing changes', () => {
    const { pass } = handover();
    expect([video(0, true), audio(5), video(33), audio(26)].map(pass)).toEqual([[0], [5], [33], [26]]);
  });

  it('begins a branch that is ahead with its first key frame', () => {
    const { begin, pass, asked } = handover();
    pass(video(0, true));
    begin();
    expect([video(100), video(133), video(166, true), video(200)].map(pass)).toEqual([[], [], [166], [200]]);
    // When it had not come by itself.
    expect(asked()).toBe(1);
  });

  it('takes nothing a second time from a branch that is behind, and asks it once more', () => {
    const { begin, pass, asked } = handover();
    pass(video(300, true));
    begin();
    expect([video(200, true), video(233), video(300)].map(pass)).toEqual([[], [], []]);
    expect(asked()).toBe(0);
    expect([video(333), video(366), video(400, true)].map(pass)).toEqual([[], [], [400]]);
    expect(asked()).toBe(1);
  });

  it('leaves no hole in the audio and repeats none of it', () => {
    const { begin, pass, frames } = handover();
    pass(audio(0));
    begin();
    const filled = frames(audio(4 * AAC_FRAME_MS));
    expect(filled.map(({ at }) => at / AAC_FRAME_MS)).toEqual([1, 2, 3, 4].map((n) => expect.closeTo(n)));
    expect(filled.map(({ body }) => body === SILENT_AUDIO)).toEqual([true, true, true, false]);
    begin();
    expect([audio(2 * AAC_FRAME_MS), audio(4 * AAC_FRAME_MS + 3), audio(5 * AAC_FRAME_MS)].map(pass)).toEqual([
      [],
      [],
      [Math.round(5 * AAC_FRAME_MS)],
    ]);
    begin();
    expect(pass(audio(100_000))).toEqual([100_000]);
  });
});
