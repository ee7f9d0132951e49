import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from './paths.ts';

interface Service {
  image: string;
  user?: string;
  command?: string;
  environment?: Record<string, string>;
  volumes?: string[];
  cap_drop?: string[];
  cap_add?: string[];
  security_opt?: string[];
  read_only?: boolean;
  tmpfs?: string[];
  healthcheck?: { test: string };
  depends_on?: Record<string, { condition: string }>;
}

const yaml = createRequire(import.meta.url)('js-yaml') as { load(text: string): { services: Record<string, Service> } };
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const text = read('docker-compose.yml');
const { services } = yaml.load(text);
const ours = Object.entries(services).filter(([, { image }]) => image === 'manycast');
const service = (name: string): Service => services[name] as Service;

describe('docker-compose.yml', () => {
  it.each(Object.keys(services))('%s gives up every capability that it does not name, and new privileges', (name) => {
    expect(service(name)).toMatchObject({ cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
  });

  it.each(ours)('%s writes nothing but what it is given', (_, { read_only, tmpfs }) => {
    expect(read_only).toBe(true);
    expect(tmpfs).toContain('/tmp');
  });

  it('root, by few rights, is only who makes the secrets, and who gives pipelines users of their own', () => {
    expect(
      ours.filter(([, { user }]) => user !== undefined).map(([name, { user, cap_add }]) => [name, user, cap_add]),
    ).toEqual([
      ['secrets', 'root', ['CHOWN']],
      ['worker', 'root', ['CHOWN', 'KILL', 'SETGID', 'SETUID']],
    ]);
    expect(ours.filter(([, { cap_add }]) => cap_add).map(([name]) => name)).toEqual(['secrets', 'worker']);
    // Without the right to pass over modes, root writes only to what is its own.
    expect(service('worker').tmpfs).toContain('/run/manycast:mode=0700');
    const image = read('Dockerfile')
      .split(/^FROM /m)
      .at(-1) as string;
    expect(/^USER (.*)$/m.exec(image)?.[1]).toBe('node');
    expect(image).not.toMatch(/COPY .*--chown|chown -R/);
  });

  it('no password is written in it, and each server wants one', () => {
    expect(text).not.toMatch(/:\/\/\w*:\w+@|PASSWORD: /);
    expect(service('postgres').environment).toMatchObject({ POSTGRES_PASSWORD_FILE: '/run/secrets/password' });
    expect(service('redis').command).toBe('redis-server /run/secrets/redis.conf');
    // A server that does not let us in says so as an error on a line of its own.
    expect(service('redis').healthcheck?.test).toMatch(/REDISCLI_AUTH.*redis\.conf.*grep -q PONG$/);
    for (const name of ['postgres', 'redis'])
      expect(service(name).depends_on).toEqual({ secrets: { condition: 'service_completed_successfully' } });
  });

  it.each(['migrate', 'api', 'worker'])('%s reads its secrets from files, whatever .env says', (name) => {
    const { environment, volumes } = service(name);
    for (const secret of ['DATABASE_URL', 'REDIS_URL', 'MASTER_KEYS'])
      expect(environment).toMatchObject({ [secret]: '', [`${secret}_FILE`]: `/run/secrets/${secret.toLowerCase()}` });
    expect(volumes).toContain('secrets:/run/secrets:ro');
  });

  it('each server sees its own secret alone, and the demo platform none', () => {
    const mounts = Object.entries(services).flatMap(([name, { volumes = [] }]) =>
      volumes.filter((volume) => /secret/.test(volume)).map((volume) => `${name} ${volume.split(':')[0]}`),
    );
    expect(mounts.filter((mount) => !mount.startsWith('secrets '))).toEqual([
      'postgres postgres-secret',
      'redis redis-secret',
      'migrate secrets',
      'api secrets',
      'worker secrets',
    ]);
  });
});

// What a container's root does; the groups of files are of no concern where nobody may change them.
describe.skipIf(process.getuid?.() !== 0)('docker/secrets.sh', () => {
  const make = (root: string, env: Record<string, string> = {}) =>
    execFileSync(join(ROOT, 'docker/secrets.sh'), {
      env: { PATH: process.env.PATH, SECRETS_ROOT: root, SECRETS_GROUP: '1000', ...env },
    });
  const contents = (root: string) =>
    Object.fromEntries(
      ['manycast', 'postgres', 'redis'].flatMap((dir) =>
        readdirSync(join(root, dir)).map((name) => [name, readFileSync(join(root, dir, name), 'utf8').trim()]),
      ),
    );

  it('makes secrets that fit together, once', () => {
    const root = mkdtempSync(join(tmpdir(), 'mc-secrets-'));
    make(root);
    const made = contents(root);
    const redis = /^requirepass ([0-9a-f]{48})$/m.exec(made['redis.conf'] as string)?.[1];
    expect(made).toMatchObject({
      password: expect.stringMatching(/^[0-9a-f]{48}$/),
      database_url: `postgresql://manycast:${made.password}@127.0.0.1:5432/manycast`,
      redis_url: `redis://:${redis}@127.0.0.1:6379`,
      master_keys: expect.stringMatching(/^k1:[A-Za-z0-9+/]{43}=$/),
    });
    const modes = [
      'manycast',
      'manycast/master_keys',
      'manycast/database_url',
      'manycast/redis_url',
      'postgres/password',
    ].map((name) => statSync(join(root, name)));
    expect(modes.map(({ mode, uid, gid }) => [(mode & 0o777).toString(8), uid, gid])).toEqual([
      ['750', 0, 1000],
      ['440', 0, 1000],
      ['440', 0, 1000],
      ['440', 0, 1000],
      ['400', 0, 0],
    ]);
    make(root, { MASTER_KEYS: 'other' });
    expect(contents(root)).toEqual(made);
    rmSync(root, { recursive: true });
  });

  it('keeps the MASTER_KEYS of an installation that has some', () => {
    const root = mkdtempSync(join(tmpdir(), 'mc-secrets-'));
    make(root, { MASTER_KEYS: 'k7:theirs' });
    expect(contents(root).master_keys).toBe('k7:theirs');
    rmSync(root, { recursive: true });
  });
});
