import { describe, expect, it } from 'vitest';
import { Interleaver } from './interleaver.js';
import type { Frame, FrameKind } from './timeline.js';

const frame = (kind: FrameKind, at: number): Frame => ({ kind, at, keyframe: false, body: Buffer.alloc(0) });

describe('Interleaver', () => {
  const collect = (holdMs = 40): { out: [FrameKind, number][]; interleaver: Interleaver } => {
    const out: [FrameKind, number][] = [];
    return { out, interleaver: new Interleaver(holdMs, ({ kind, at }) => out.push([kind, at])) };
  };

  it('orders the two kinds by time', () => {
    const { out, interleaver } = collect();
    interleaver.push(frame('video', 0), 0);
    interleaver.push(frame('video', 33), 1);
    interleaver.push(frame('audio', 5), 2);
    interleaver.push(frame('audio', 26), 3);
    interleaver.push(frame('audio', 47), 4);
    expect(out).toEqual([
      ['video', 0],
      ['audio', 5],
      ['audio', 26],
      ['video', 33],
    ]);
  });

  it('does not wait for a kind that is known to be further on', () => {
    const { out, interleaver } = collect();
    interleaver.advance('audio', 100);
    interleaver.push(frame('video', 99), 0);
    expect(out).toEqual([['video', 99]]);
  });

  it('waits no longer than the hold for a kind that pauses', () => {
    const { out, interleaver } = collect(40);
    interleaver.push(frame('video', 0), 1000);
    interleaver.drain(1039);
    expect(out).toEqual([]);
    expect(interleaver.waiting).toBe(true);
    interleaver.drain(1040);
    expect(out).toEqual([['video', 0]]);
    expect(interleaver.waiting).toBe(false);
  });
});
