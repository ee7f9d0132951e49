import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { addressRules } from './address-rules.js';
import { loadEnv } from './env.js';
import { secretOf, SECRETS } from './secret-files.js';

const needed = {
  DATABASE_URL: 'postgresql://u:p@127.0.0.1/db',
  REDIS_URL: 'redis://127.0.0.1',
  MASTER_KEYS: `k1:${Buffer.alloc(32).toString('base64')}`,
};

describe('loadEnv', () => {
  it('has a default for everything but where the data lies and what seals it', () => {
    expect(loadEnv(needed)).toMatchObject({
      PORT: 3000,
      NODE_SLOTS: 40,
      ALLOWED_PRIVATE_HOSTS: '',
      WHIP_STRICT_ETAG: false,
    });
    expect(loadEnv({ ...needed, PORT: '', NODE_SLOTS: '7', WHIP_STRICT_ETAG: '1' })).toMatchObject({
      PORT: 3000,
      NODE_SLOTS: 7,
      WHIP_STRICT_ETAG: true,
    });
  });

  it('knows which public hosts are its own', () => {
    const more = {
      PUBLIC_URL: 'https://api.example/x',
      MEDIA_ADDRESSES: '203.0.113.1, 203.0.113.2',
      OWN_ADDRESSES: '198.51.100.0/24',
      ALLOWED_PRIVATE_HOSTS: '10.0.0.1',
    };
    expect(addressRules(loadEnv({ ...needed, ...more, REDIS_URL: 'redis://[2001:db8::1]:6379' }))).toBe(
      '10.0.0.1,!api.example,!127.0.0.1,!2001:db8::1,!198.51.100.0/24,!203.0.113.1,!203.0.113.2',
    );
  });

  it('names every bad variable at once', () => {
    const load = () =>
      loadEnv({
        ...needed,
        MASTER_KEYS: 'k1:short',
        PORT: 'x',
        LOG_LEVEL: 'loud',
        MEDIA_PORT_MIN: '50000',
        MEDIA_PORT_MAX: '40000',
      });
    for (const name of ['MASTER_KEYS', 'PORT', 'LOG_LEVEL', 'MEDIA_PORT_MIN must not be above'])
      expect(load).toThrow(name);
    expect(() => loadEnv({})).toThrow('DATABASE_URL');
  });

  it('.env.example names every variable, with its default', () => {
    const text = readFileSync(join(import.meta.dirname, '../../../.env.example'), 'utf8');
    const example = new Map(
      [...text.matchAll(/^#?([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name as string, value as string]),
    );
    const env = loadEnv(needed);
    for (const name of Object.keys(env)) expect(example.has(name), name).toBe(true);
    const defaults = Object.entries(env).filter(([name]) => !(name in needed) && name !== 'NODE_ID');
    for (const [name, value] of defaults) expect(example.get(name), name).toBe(String(value ?? ''));
    // What only `npm start` reads.
    const own = [...example.keys()].filter(
      (name) =>
        !(name in env) &&
        !['METRICS_TOKEN', 'PUBLIC_URL', 'STUN_SERVER', 'PUSH_FLASH_VERSION', 'PUSH_LOCAL_ADDRESS'].includes(name),
    );
    expect(own.sort()).toEqual([...SECRETS.map((name) => `${name}_FILE`), 'RTMP_PORT'].sort());
  });

  it('a copy of .env.example changes nothing: what `npm start` fills in is not set there', () => {
    const copied = parseEnv(readFileSync(join(import.meta.dirname, '../../../.env.example'), 'utf8'));
    for (const name of Object.keys(needed)) expect(copied[name] ?? '', name).toBe('');
    expect(loadEnv({ ...copied, ...needed })).toEqual(loadEnv(needed));
  });

  describe('secrets in files', () => {
    const dir = mkdtempSync(join(tmpdir(), 'mc-env-'));
    afterAll(() => rmSync(dir, { recursive: true }));
    const file = (name: string, text: string): string => {
      writeFileSync(join(dir, name), text);
      return join(dir, name);
    };

    it('are read where <name>_FILE says', () => {
      const files = {
        DATABASE_URL_FILE: file('d', `${needed.DATABASE_URL}\n`),
        REDIS_URL_FILE: file('r', needed.REDIS_URL),
        MASTER_KEYS_FILE: file('m', `${needed.MASTER_KEYS}\r\n`),
      };
      expect(loadEnv({ ...files, MASTER_KEYS: '', METRICS_TOKEN_FILE: file('t', 'sixteen-letters-and-more') })).toEqual(
        loadEnv({ ...needed, METRICS_TOKEN: 'sixteen-letters-and-more' }),
      );
      expect(secretOf('DATABASE_URL', files)).toBe(needed.DATABASE_URL);
      expect(secretOf('DATABASE_URL', needed)).toBe(needed.DATABASE_URL);
      expect(secretOf('DATABASE_URL', { DATABASE_URL: '' })).toBeUndefined();
    });

    it.each(SECRETS)('%s and its file together are an error, as is a file that is not there or empty', (name) => {
      const both = {
        ...needed,
        METRICS_TOKEN: 'sixteen-letters-and-more',
        PUSH_REPUBLISH_URLS: 'rtmp://h/a',
        [`${name}_FILE`]: file('b', 'x'),
      };
      expect(() => loadEnv(both)).toThrow(`${name} and ${name}_FILE are both set`);
      expect(() => secretOf(name, both)).toThrow('both');
      expect(() => loadEnv({ ...needed, [name]: '', [`${name}_FILE`]: join(dir, 'nowhere') })).toThrow(
        `${name}_FILE cannot be read (ENOENT)`,
      );
      if (name in needed)
        expect(() => loadEnv({ ...needed, [name]: '', [`${name}_FILE`]: file('e', '\n') })).toThrow(name);
    });
  });
});
