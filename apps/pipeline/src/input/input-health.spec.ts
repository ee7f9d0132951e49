import { expect, it } from 'vitest';
import { REASONS } from '#libs/transfer';
import { healthOf, type InputProblem, problemOf, type TrackFacts, type TrackHealth } from './input-health.js';

const FACTS: TrackFacts = {
  since: 1000,
  lastPacketAt: 9990,
  lastSampleAt: 9990,
  needsKeyframe: false,
  hasParameterSets: true,
};

it.each<[TrackHealth, string, Partial<TrackFacts> | null]>([
  ['absent', 'is not negotiated', null],
  ['flowing', 'brings pictures', {}],
  ['flowing', 'brought one a moment ago', { lastSampleAt: 7001, needsKeyframe: true }],
  ['starting', 'has just begun', { since: 7001, lastPacketAt: null, lastSampleAt: null }],
  ['nothing', 'never sent', { lastPacketAt: null, lastSampleAt: null }],
  ['nothing', 'has stopped', { lastPacketAt: 7000, lastSampleAt: 7000 }],
  ['no_parameter_sets', 'has no parameter sets', { lastSampleAt: null, needsKeyframe: true, hasParameterSets: false }],
  ['no_key_frame', 'has no key frame', { lastSampleAt: null, needsKeyframe: true }],
  ['no_key_frame', 'has lost its key frame', { lastSampleAt: 7000, needsKeyframe: true }],
  ['undecodable', 'is not understood', { lastSampleAt: null }],
])('%s: a track that %s', (expected, _, facts) => {
  expect(healthOf(facts && { ...FACTS, ...facts }, 10_000)).toBe(expected);
});

it.each<[InputProblem | null, TrackHealth, TrackHealth, boolean]>([
  [null, 'flowing', 'flowing', true],
  [null, 'flowing', 'absent', false],
  [null, 'absent', 'flowing', true],
  [null, 'starting', 'starting', false],
  [null, 'nothing', 'nothing', false],
  [null, 'nothing', 'absent', false],
  ['no_video', 'nothing', 'flowing', true],
  ['no_video', 'nothing', 'undecodable', true],
  ['no_parameter_sets', 'no_parameter_sets', 'flowing', true],
  ['no_parameter_sets', 'no_parameter_sets', 'nothing', false],
  ['no_key_frame', 'no_key_frame', 'flowing', true],
  ['media_invalid', 'undecodable', 'flowing', true],
  ['media_invalid', 'flowing', 'undecodable', false],
  ['no_audio', 'flowing', 'nothing', false],
  [null, 'flowing', 'nothing', true],
  [null, 'absent', 'nothing', false],
])('%s is said where video is %s and audio is %s (there was sound: %s)', (expected, video, audio, hadAudio) => {
  expect(problemOf(video, audio, hadAudio)).toBe(expected);
  if (expected !== null) expect(REASONS[expected].blame).toBe('publisher');
});
