import { expect, it } from 'vitest';
import { isPipelineEvent } from './check.js';

const TRANSFER = { id: 't', state: 'live', reason: null, detail: null, attempts: 1, nextRetryAt: null, liveAt: null };
const HELLO = {
  pid: 7,
  claim: { streamId: '0f9a7e0e-58c5-4f0b-9a51-2e6d0c0a6b11', epoch: 1 },
  sessionId: null,
  input: 'live',
  transfers: [TRANSFER],
  problem: null,
};
const FINAL = { input: { bitrate: 1 }, transfers: {} };

it.each([
  { event: 'hello', body: HELLO },
  { event: 'hello', body: { ...HELLO, claim: null, transfers: [] } },
  { event: 'input', body: { sessionId: 's', state: 'live', reason: null } },
  { event: 'sessionOver', body: { sessionId: 's', reason: 'ice_timeout' } },
  { event: 'problem', body: { sessionId: 's', reason: 'no_video' } },
  { event: 'transfer', body: { ...TRANSFER, figures: { bytesSent: 1 } } },
  { event: 'figures', body: FINAL },
  { event: 'ended', body: { reason: 'publisher_left', final: FINAL } },
  { event: 'ended', body: { reason: 'pipeline_crashed', detail: 'Error', final: null } },
  { event: 'log', body: { level: 'warn', message: 'odd' } },
])('$event is believed', (message) => {
  expect(isPipelineEvent(message)).toBe(true);
});

it.each([
  ['nothing', null],
  ['no event', { body: {} }],
  ['an event that is none', { event: 'constructor', body: {} }],
  ['an event without a body', { event: 'input' }],
  ['a body that is a list', { event: 'figures', body: [] }],
  ['a state that is no text', { event: 'input', body: { sessionId: 's', state: {}, reason: null } }],
  ['a stream that is no UUID', { event: 'hello', body: { ...HELLO, claim: { streamId: "x' OR 1=1", epoch: 1 } } }],
  ['an epoch below zero', { event: 'hello', body: { ...HELLO, claim: { ...HELLO.claim, epoch: -1 } } }],
  ['transfers that are no list', { event: 'hello', body: { ...HELLO, transfers: null } }],
  ['a transfer that is none', { event: 'hello', body: { ...HELLO, transfers: [null] } }],
  ['a level that is none', { event: 'log', body: { level: 'toString', message: '' } }],
  ['an end without a reason', { event: 'ended', body: { final: null } }],
])('%s is not', (_, message) => {
  expect(isPipelineEvent(message)).toBe(false);
});
