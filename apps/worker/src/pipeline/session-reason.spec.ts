import { describe, expect, it } from 'vitest';
import { giveUpReason, type TrackState, trackTrouble, type Unheard } from './session-reason.js';

const unheard = (changes: Partial<Unheard>): Unheard => ({ sinceAnswerMs: 15_000, stage: 'secured', strangers: 0, hasPackets: false, fault: null, ...changes });

describe('giveUpReason', () => {
  it.each<[string, Partial<Unheard>, string | undefined]>([
    ['nothing came yet', { sinceAnswerMs: 4900, stage: 'unreached' }, undefined],
    ['nothing came', { sinceAnswerMs: 5000, stage: 'unreached' }, 'ice_timeout'],
    ['somebody else asked', { sinceAnswerMs: 5000, stage: 'unreached', strangers: 1 }, 'ice_timeout'],
    ['it is reached, and shakes hands', { sinceAnswerMs: 14_900, stage: 'reached' }, undefined],
    ['it is reached, and never finished that', { stage: 'reached' }, 'dtls_failed'],
    ['it is connected, and may still begin', { sinceAnswerMs: 14_900 }, undefined],
    ['it is connected, and sent nothing', {}, 'no_media'],
    ['it sent what nobody can read', { hasPackets: true }, 'media_undecodable'],
  ])('%s', (_, changes, reason) => {
    expect(giveUpReason(unheard(changes))?.reason).toBe(reason);
  });

  it('says what is known beside', () => {
    expect(giveUpReason(unheard({ stage: 'unreached', strangers: 1 }))?.detail).toContain('other credentials');
    expect(giveUpReason(unheard({ hasPackets: true, fault: 'no parameter sets' }))?.detail).toBe('no parameter sets');
  });
});

describe('trackTrouble', () => {
  const video = (changes: Partial<TrackState> = {}): TrackState => ({ kind: 'video', hasPackets: false, hasMedia: false, fault: null, ...changes });
  const audio = (changes: Partial<TrackState> = {}): TrackState => ({ ...video(changes), kind: 'audio' });
  const fine = { hasPackets: true, hasMedia: true };

  it.each<[string, TrackState[], number, string | undefined]>([
    ['both are there', [audio(fine), video(fine)], 60_000, undefined],
    ['the picture may still come', [audio(fine), video()], 1900, undefined],
    ['no picture is sent', [audio(fine), video()], 2000, 'video_missing'],
    ['no picture can be made of what is sent', [audio(fine), video({ hasPackets: true })], 2000, 'video_undecodable'],
    ['the sound may still come', [audio(), video(fine)], 4900, undefined],
    ['no sound is sent', [audio(), video(fine)], 5000, 'audio_missing'],
    ['no sound can be made of what is sent', [audio({ hasPackets: true }), video(fine)], 5000, 'audio_undecodable'],
    ['there is one track, and it is there', [video(fine)], 60_000, undefined],
  ])('%s', (_, tracks, sinceLiveMs, reason) => {
    expect(trackTrouble(tracks, sinceLiveMs)?.reason).toBe(reason);
  });
});
