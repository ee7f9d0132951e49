import { describe, expect, it } from 'vitest';
import { optionProblems, videoProfile } from './options.js';

describe('optionProblems', () => {
  it.each([
    [{}],
    [{ muted: true, paused: false, tlsVerify: false, sendMetadata: false, flashVer: 'FMLE/3.0' }],
    [{ sound: { file: 'jingle.wav', loop: true } }],
    [{ sound: { file: 'a.WAV' } }],
    [{ sound: null }],
    [{ bufferStartMs: 0, bufferMaxMs: 4000 }],
    [{ width: 1280, height: 720, fps: 30, keyFrameInterval: 60, bitrate: 2500 }],
  ])('has none for %j', (options) => expect(optionProblems(options)).toEqual([]));

  it.each([
    [{ muted: 'yes' }, ['muted']],
    [
      { muted: null, fps: 0, width: 1281, height: 99_999, bitrate: 1.5 },
      ['muted', 'fps', 'width', 'height', 'bitrate'],
    ],
    [{ flashVer: 'a\nb' }, ['flashVer']],
    [{ sound: { file: '../x.wav' } }, ['sound']],
    [{ sound: { file: 'x/y.wav' } }, ['sound']],
    [{ sound: { file: '.wav' } }, ['sound']],
    [{ sound: { file: 'x.mp3' } }, ['sound']],
    [{ sound: 'x.wav' }, ['sound']],
    [{ sound: { file: 'x.wav', loop: 1 } }, ['sound']],
    [{ sound: { file: 'x.wav', gain: 1 } }, ['sound']],
    [{ unknown: 1, toString: 2 }, ['unknown', 'toString']],
  ])('names each of %j', (options, fields) => {
    expect(optionProblems(options).map(({ field }) => field)).toEqual(fields);
  });
});

describe('videoProfile', () => {
  it.each([
    [{}, null],
    [{ muted: true }, null],
    // Flashphoner: a width alone is ignored.
    [{ width: 640 }, null],
    [{ height: 360 }, { width: null, height: 360, fps: null, keyFrameInterval: 60, bitrate: 800 }],
    [
      { width: 640, height: 360 },
      { width: 640, height: 360, fps: null, keyFrameInterval: 60, bitrate: 800 },
    ],
    [
      { width: 640, fps: 25 },
      { width: null, height: null, fps: 25, keyFrameInterval: 50, bitrate: 2500 },
    ],
    [
      { height: 1080, bitrate: 3000, keyFrameInterval: 30 },
      { width: null, height: 1080, fps: null, keyFrameInterval: 30, bitrate: 3000 },
    ],
  ])('of %j', (options, profile) => expect(videoProfile(options)).toEqual(profile));
});
