import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { DtlsFlight } from './dtls-flight.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A handshake's records: `again` has the times at which one was sent again. */
function open() {
  const from = Date.now();
  const state = { received: 0, again: [] as string[] };
  const flight = new DtlsFlight(
    (record) => state.again.push(`${record.toString()} ${Date.now() - from}`),
    () => state.received,
  );
  return {
    state,
    flight,
    send: (...records: string[]) => records.forEach((record) => flight.sent(Buffer.from(record))),
  };
}

it('sends records again with growing pauses, and then leaves it to the handshake', () => {
  const { state, send } = open();
  send('a');
  vi.advanceTimersByTime(10_000);
  expect(state.again).toEqual(['a 50', 'a 150', 'a 350', 'a 750']);
  // What OpenSSL sends again after its second is its own matter.
  send('a');
  vi.advanceTimersByTime(10_000);
  expect(state.again).toHaveLength(4);
});

it('sends a flight of several together', () => {
  const { state, send } = open();
  send('a', 'b');
  vi.advanceTimersByTime(160);
  expect(state.again).toEqual(['a 50', 'b 50', 'a 150', 'b 150']);
});

it('stops when something came back, and begins with the next flight', () => {
  const { state, send } = open();
  send('a');
  vi.advanceTimersByTime(60);
  state.received = 1;
  vi.advanceTimersByTime(1000);
  expect(state.again).toEqual(['a 50']);
  send('b');
  vi.advanceTimersByTime(100);
  expect(state.again).toEqual(['a 50', 'b 1110']);
});

it('is silent once it is stopped, and holds a bounded number of records', () => {
  const { state, flight, send } = open();
  send(...Array.from({ length: 100 }, (_, i) => `${i}`));
  vi.advanceTimersByTime(60);
  expect(state.again).toHaveLength(16);
  flight.stop();
  vi.advanceTimersByTime(1000);
  expect(state.again).toHaveLength(16);
});
