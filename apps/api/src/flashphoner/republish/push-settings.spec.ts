import { describe, expect, it } from 'vitest';
import { loadEnv } from '#libs/config';
import { optionProblems } from '#libs/transfer';
import { defaultPushSettings, defaultRepublish, pushOptions, readServers } from './push-settings.js';

const needed = {
  DATABASE_URL: 'postgresql://u:p@127.0.0.1/db',
  REDIS_URL: 'redis://127.0.0.1',
  MASTER_KEYS: `k1:${Buffer.alloc(32).toString('base64')}`,
};
const settings = (env: Record<string, string> = {}) => defaultPushSettings(loadEnv({ ...needed, ...env }));

describe('defaultPushSettings', () => {
  it("are the environment's", () => {
    expect(settings()).toMatchObject({
      streamNamePrefix: 'rtmp_',
      reconnect: true,
      reconnectAttempts: null,
      reconnectIntervalMs: null,
      flashVersion: null,
      localAddress: null,
    });
    expect(
      settings({
        PUSH_STREAM_NAME_PREFIX: '-',
        PUSH_RECONNECT_ATTEMPTS: '3',
        PUSH_RECONNECT_INTERVAL_MS: '5000',
        PUSH_FLASH_VERSION: 'LNX 76.219.189.0',
        PUSH_LOCAL_ADDRESS: '127.0.0.1',
      }),
    ).toMatchObject({
      streamNamePrefix: '',
      reconnectAttempts: 3,
      reconnectIntervalMs: 5000,
      flashVersion: 'LNX 76.219.189.0',
      localAddress: '127.0.0.1',
    });
  });

  it('refuse what cannot be', () => {
    for (const [name, value] of [
      ['PUSH_STREAM_NAME_PREFIX', 'a/b'],
      ['PUSH_LOCAL_ADDRESS', 'eth0'],
      ['PUSH_BUFFER_POLLING_TIME_MS', '1'],
      ['FLASHPHONER_PORT', '70000'],
    ] as const) {
      expect(() => settings({ [name]: value })).toThrow(name);
    }
  });
});

it('defaultRepublish reads a list', () => {
  expect(defaultRepublish(loadEnv(needed))).toEqual([]);
  const env = loadEnv({ ...needed, PUSH_REPUBLISH_URLS: 'rtmp://a.example/live, rtmp://b.example/app ,' });
  expect(defaultRepublish(env).map(({ url }) => url)).toEqual(['rtmp://a.example/live', 'rtmp://b.example/app']);
});

describe('pushOptions', () => {
  it('are none where a push is like any other transfer', () => {
    expect(pushOptions(settings())).toEqual({});
  });

  it('are what transfers can do', () => {
    const options = pushOptions({
      ...settings(),
      reconnect: false,
      bufferEnabled: true,
      bufferStartSizeMs: 5000,
      bufferMaxBufferings: 0,
      flashVersion: 'x',
      sendMetadata: false,
    });
    expect(options).toEqual({
      reconnectAttempts: 0,
      bufferStartMs: 5000,
      bufferMaxMs: 5000,
      bufferPollMs: 50,
      bufferRefills: 0,
      flashVer: 'x',
      sendMetadata: false,
    });
    expect(optionProblems({ ...options })).toEqual([]);
  });
});

it.each([
  ['[{"url":"rtmp://a/b","parameters":{"k":"v"}}]', [{ url: 'rtmp://a/b', parameters: { k: 'v' } }]],
  ['[{"url":"rtmp://a/b"}]', [{ url: 'rtmp://a/b', parameters: {} }]],
  // As they were taken once.
  ['[[]]', []],
  ['[{"parameters":{}}]', []],
  [
    '[null,1,"x",{"url":1},{"url":"rtmp://a/b","parameters":{"k":1}},{"url":"rtmp://a/b","parameters":null}]',
    [{ url: 'rtmp://a/b', parameters: {} }],
  ],
  ['{}', []],
  ['null', []],
])('servers kept as %s', (json, servers) => {
  expect(readServers(json)).toEqual(servers);
});
