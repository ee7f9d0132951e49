import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { REASONS, type ReasonCode, reasonOf, TransferError } from './reasons.js';

const codes = Object.keys(REASONS) as ReasonCode[];

/** All of our own sources that may give a reason. */
const sources = ['apps/api/src', 'apps/worker/src', 'apps/pipeline/src', 'libs/transfer/src', 'libs/net/src'].flatMap(
  (folder) => {
    const root = join(import.meta.dirname, '../../..', folder);
    return filesOf(root)
      .filter((name) => /(?<!\.spec)\.ts$/.test(name) && !name.endsWith('reasons.ts') && !name.includes('openapi'))
      .map((name) => readFileSync(join(root, name), 'utf8'));
  },
);

/** Empty where there is no such folder. */
function filesOf(root: string): string[] {
  try {
    return readdirSync(root, { recursive: true, encoding: 'utf8' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

describe('reasons', () => {
  it.each(codes)('%s says in a sentence what happened', (code) => {
    const { text, blame, retry } = REASONS[code];
    expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(text).toMatch(/^[A-Z].*[^.]\.$/);
    expect(['platform', 'customer', 'publisher', 'operator', 'service', 'nobody']).toContain(blame);
    expect(['fast', 'slow', 'never']).toContain(retry);
  });

  it.each(codes)('%s is given by something', (code) => {
    expect(sources.length).toBeGreaterThan(100);
    expect(sources.some((text) => text.includes(`'${code}'`))).toBe(true);
  });

  // Each of these would be refused again the same way, or blocked for asking too often: what fast retries are not for.
  it.each(['publish_denied', 'connect_rejected', 'auth_failed', 'tls_certificate'] as const)(
    '%s is tried again slowly',
    (code) => {
      expect(REASONS[code].retry).toBe('slow');
    },
  );

  it.each(['url_invalid', 'address_forbidden', 'stream_ended', 'removed'] as const)('%s is not tried again', (code) => {
    expect(new TransferError(code).retryable).toBe(false);
  });

  it.each(['no-such-code', 'toString', '__proto__', 'constructor', '', null, undefined])(
    'know nothing of %s',
    (code) => {
      expect(reasonOf(code)).toBeUndefined();
    },
  );

  it('are found by their codes', () => {
    for (const code of codes) expect(reasonOf(code)).toBe(REASONS[code]);
  });
});

describe('TransferError', () => {
  it('knows its blame, and adds its detail to the sentence', () => {
    const error = new TransferError('tcp_refused', 'at 5');
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ code: 'tcp_refused', detail: 'at 5', blame: 'platform', retryable: true });
    expect(error.message).toBe(`${REASONS.tcp_refused.text} (at 5)`);
    expect(new TransferError('tcp_refused').message).toBe(REASONS.tcp_refused.text);
    expect(new TransferError('tcp_refused').detail).toBeUndefined();
  });
});
