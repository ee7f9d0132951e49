import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadEnv, variableNames } from './env.js';
import { misspeltVariables } from './misspelt.js';

describe('variables', () => {
  it.each([
    ['KEEP_STREAM_DAYS', 'KEEP_STREAMS_DAYS'],
    ['KEEP_STREAMS', 'KEEP_STREAMS_DAYS'],
    ['DATABSE_URL', 'DATABASE_URL'],
    ['REDIS_ULR', 'REDIS_URL'],
    ['PROT', 'PORT'],
    ['port', 'PORT'],
    ['URL_PUBLIC', 'PUBLIC_URL'],
    ['METRIC_TOKEN', 'METRICS_TOKEN'],
    ['PUSH_LOCAL_ADRESS', 'PUSH_LOCAL_ADDRESS'],
  ])('%s is told to be %s', (given, meant) => {
    expect(misspeltVariables({ [given]: 'x' })).toEqual([
      `the variable ${given} is not known and is ignored; did you mean ${meant}?`,
    ]);
  });

  it.each([
    'PATH',
    'HOME',
    'PWD',
    'SHELL',
    'TERM',
    'USER',
    'HOSTNAME',
    'LANG',
    'NODE_ENV',
    'NODE_PATH',
    'NODE_OPTIONS',
    'NODE_VERSION',
    'LOGNAME',
    'RTMP_PORT',
    'MANYCAST_ROOT',
    'DATABASE_URL_FILE',
    'npm_config_port',
    'KUBERNETES_PORT',
  ])('%s is not ours', (name) => {
    expect(misspeltVariables({ [name]: 'x' })).toEqual([]);
  });

  it('ours are known, each of them, and none is taken for another', () => {
    const names = variableNames();
    expect(misspeltVariables(Object.fromEntries(names.map((name) => [name, 'x'])))).toEqual([]);
    // What the classes declare: code can read nothing else.
    const declared = ['env.ts', 'flashphoner-env.ts'].flatMap((file) =>
      [...readFileSync(join(import.meta.dirname, file), 'utf8').matchAll(/^  ([A-Z][A-Z0-9_]+)[!?]?(?::| =)/gm)].map(
        ([, name]) => name as string,
      ),
    );
    expect(declared.length).toBeGreaterThan(50);
    expect(names.toSorted()).toEqual(declared.toSorted());
  });

  it('that are optional are read', () => {
    const needed = {
      DATABASE_URL: 'postgresql://u:p@127.0.0.1/db',
      REDIS_URL: 'redis://127.0.0.1',
      MASTER_KEYS: `k1:${Buffer.alloc(32).toString('base64')}`,
    };
    expect(
      loadEnv({
        ...needed,
        PUBLIC_URL: 'https://x.example',
        METRICS_TOKEN: 'sixteen-letters-and-more',
        STUN_SERVER: 'stun://x:1',
      }),
    ).toMatchObject({
      PUBLIC_URL: 'https://x.example',
      METRICS_TOKEN: 'sixteen-letters-and-more',
      STUN_SERVER: 'stun://x:1',
    });
  });
});
