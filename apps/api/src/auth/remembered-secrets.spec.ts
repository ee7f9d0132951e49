import { beforeEach, describe, expect, it } from 'vitest';
import type { Caller } from './caller.js';
import { BELIEVED_MS, RememberedSecrets } from './remembered-secrets.js';

const CALLER: Caller = { customerId: 'c1', role: 'customer', credentialId: 'k1', limitKey: 'k1', bySession: false };

let now: number;
let isListening: boolean;
let secrets: RememberedSecrets;

beforeEach(() => {
  now = 1000;
  isListening = true;
  secrets = new RememberedSecrets(
    () => isListening,
    () => now,
  );
});

const remember = (msLeft: number | null = null): void => secrets.remember(secrets.state, 's1', CALLER, msLeft);

describe('a secret that was good a moment ago', () => {
  it('is believed, and no other one, and of no other customer', () => {
    remember();
    expect(secrets.find('c1', 's1')).toBe(CALLER);
    expect(secrets.find('c1', 's2')).toBeUndefined();
    expect(secrets.find('c2', 's1')).toBeUndefined();
    expect(secrets.find('c1\0s1', '')).toBeUndefined();
  });

  it.each([
    ['changes are heard', true, BELIEVED_MS.listening],
    ['changes are not heard', false, BELIEVED_MS.alone],
  ])('is believed for its time while %s', (_what, listening, ms) => {
    remember();
    isListening = listening;
    now += ms - 1;
    expect(secrets.find('c1', 's1')).toBe(CALLER);
    now += 1;
    expect(secrets.find('c1', 's1')).toBeUndefined();
  });

  it('is not believed after it has expired', () => {
    remember(500);
    now += 499;
    expect(secrets.find('c1', 's1')).toBe(CALLER);
    now += 1;
    expect(secrets.find('c1', 's1')).toBeUndefined();
  });

  it.each([
    ['of its customer', 'c1', undefined],
    ['of another customer', 'c2', CALLER],
    ['of nobody knows whom', null, undefined],
  ])('after a change %s', (_whose, changed, expected) => {
    remember();
    secrets.forget(changed);
    expect(secrets.find('c1', 's1')).toBe(expected);
  });

  it('is not remembered when a change came while the database was asked', () => {
    const { state } = secrets;
    secrets.forget('c1');
    secrets.remember(state, 's1', CALLER, null);
    expect(secrets.find('c1', 's1')).toBeUndefined();
  });

  it('does not grow without bound with the secrets of one customer', () => {
    for (let i = 0; i < 40; i += 1) secrets.remember(secrets.state, `s${i}`, CALLER, null);
    const known = Array.from({ length: 40 }, (_, i) => secrets.find('c1', `s${i}`)).filter(Boolean);
    expect(known.length).toBeLessThanOrEqual(16);
  });
});
