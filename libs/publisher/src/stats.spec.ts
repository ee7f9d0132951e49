import { expect, it } from 'vitest';
import { StatsMeter } from './stats.js';

const report = (at: number, seconds: number, more: object = {}) => [
  {
    id: 'v',
    type: 'outbound-rtp',
    kind: 'video',
    timestamp: at,
    codecId: 'h',
    bytesSent: seconds * 125_000,
    framesEncoded: seconds * 30,
    frameWidth: 1280,
    frameHeight: 720,
    keyFramesEncoded: 3,
    qualityLimitationReason: 'bandwidth',
    ...more,
  },
  {
    id: 'a',
    type: 'outbound-rtp',
    kind: 'audio',
    timestamp: at,
    codecId: 'o',
    bytesSent: seconds * 8000,
    mediaSourceId: 'm',
  },
  { id: 'm', type: 'media-source', kind: 'audio', audioLevel: 0.25 },
  { id: 'h', type: 'codec', mimeType: 'video/H264' },
  { id: 'o', type: 'codec', mimeType: 'audio/opus' },
  { id: 't', type: 'transport', selectedCandidatePairId: 'p' },
  { id: 'q', type: 'candidate-pair', state: 'succeeded', nominated: true, currentRoundTripTime: 9 },
  {
    id: 'p',
    type: 'candidate-pair',
    currentRoundTripTime: 0.042,
    availableOutgoingBitrate: 3_000_000,
    localCandidateId: 'l',
  },
  { id: 'l', type: 'local-candidate', protocol: 'udp', candidateType: 'relay' },
  { id: 'r', type: 'remote-inbound-rtp', kind: 'video', fractionLost: 0.05, roundTripTime: 0.05 },
];

it('measures between two reports', () => {
  const meter = new StatsMeter();
  expect(meter.read(report(1000, 1))).toMatchObject({ intervalMs: 0, kbps: 0 });
  expect(meter.read(report(3000, 3))).toEqual({
    intervalMs: 2000,
    video: { kbps: 1000, fps: 30, width: 1280, height: 720, codec: 'h264', keyFrames: 3, limitedBy: 'bandwidth' },
    audio: { kbps: 64, codec: 'opus', level: 0.25 },
    kbps: 1064,
    loss: 0.05,
    rttMs: 42,
    availableKbps: 3000,
    route: 'udp relay',
  });
});

it('counts nothing twice or backwards when a new connection begins to count anew', () => {
  const meter = new StatsMeter();
  meter.read(report(1000, 100));
  expect(meter.read(report(2000, 1)).video).toMatchObject({ kbps: 0, fps: 0 });
  expect(meter.read(report(4000, 3, { id: 'other' })).video?.kbps).toBe(0);
});

it('says nothing of what is not there', () => {
  expect(new StatsMeter().read([])).toEqual({
    intervalMs: 0,
    video: null,
    audio: null,
    kbps: 0,
    loss: 0,
    rttMs: null,
    availableKbps: null,
    route: null,
  });
});
