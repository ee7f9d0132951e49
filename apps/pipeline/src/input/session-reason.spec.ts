import { describe, expect, it } from 'vitest';
import { giveUpReason, type WithoutMedia } from './session-reason.js';

const withoutMedia = (changes: Partial<WithoutMedia>): WithoutMedia => ({
  sinceAnswerMs: 15_000,
  stage: 'secured',
  strangers: 0,
  hasPackets: false,
  problem: null,
  ...changes,
});

describe('giveUpReason', () => {
  it.each<[string, Partial<WithoutMedia>, string | undefined]>([
    ['nothing came yet', { sinceAnswerMs: 4900, stage: 'unreached' }, undefined],
    ['nothing came', { sinceAnswerMs: 5000, stage: 'unreached' }, 'ice_timeout'],
    ['somebody else asked', { sinceAnswerMs: 5000, stage: 'unreached', strangers: 1 }, 'ice_timeout'],
    ['it is reached, and shakes hands', { sinceAnswerMs: 14_900, stage: 'reached' }, undefined],
    ['it is reached, and never finished that', { stage: 'reached' }, 'dtls_failed'],
    ['it is connected, and may still begin', { sinceAnswerMs: 14_900 }, undefined],
    ['it is connected, and sent nothing', {}, 'no_media'],
    ['it sent what nobody can read', { hasPackets: true }, 'media_invalid'],
    [
      'it sent what nobody can read, and it is known why',
      { hasPackets: true, problem: 'publisher_lost' },
      'publisher_lost',
    ],
  ])('%s', (_, changes, reason) => {
    expect(giveUpReason(withoutMedia(changes))?.reason).toBe(reason);
  });

  it('says when somebody else has asked', () => {
    expect(giveUpReason(withoutMedia({ stage: 'unreached', strangers: 1 }))?.detail).toContain('other credentials');
  });
});
