import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApp, type Answer, type TestApp, type TestCustomer } from './support/app.js';
import { type ScriptedNode, startScriptedNode } from './support/scripted-node.js';
import { freePort } from './support/ports.js';
import { offer } from './support/sdp.js';

interface Transponder {
  mediaSessionId: string;
  streamName: string;
  rtmpUrl: string;
}

let api: TestApp;
let node: ScriptedNode;
let alice: TestCustomer;
let bob: TestCustomer;
let streamId: string;
let port: number;
const mediaDir = mkdtempSync(join(tmpdir(), 'media-'));
const RTMP = 'rtmp://127.0.0.1:1935/live';

beforeAll(async () => {
  port = await freePort();
  api = await startApp({
    MEDIA_DIR: mediaDir,
    FLASHPHONER_PORT: String(port),
    LISTEN_ADDRESS: '127.0.0.1',
    PUSH_LOCAL_ADDRESSES: '127.0.0.1,127.0.0.2',
  });
  [alice, bob] = await Promise.all([api.customer(), api.customer()]);
  node = await startScriptedNode(api);
  mkdirSync(join(mediaDir, alice.appid));
  writeFileSync(join(mediaDir, alice.appid, 'test.wav'), '');
});
afterAll(async () => {
  await node?.stop();
  await api?.stop();
});
beforeEach(async () => {
  await api.prisma.stream.deleteMany();
  await api.prisma.pushSettings.deleteMany();
  streamId = await running(alice, 'name');
  node.requests.length = 0;
});

async function running(customer: TestCustomer, name: string, entryPoint = 'live'): Promise<string> {
  const where = { projectId: customer.appid, name: entryPoint };
  const { id } =
    (await api.prisma.entryPoint.findFirst({ where })) ?? (await api.prisma.entryPoint.create({ data: where }));
  const stream = await api.prisma.stream.create({
    data: { projectId: customer.appid, entryPointId: id, name, state: 'live', ownerNode: 'node-1' },
  });
  return stream.id;
}

const push = (method: string, body?: unknown, by = alice): Promise<Answer> =>
  by.call('POST', `/rest-api/push/${method}`, body, { 'content-type': 'application/json' });
const started = async (body: object = {}) => {
  const answer = await push('startup', { streamName: 'name', rtmpUrl: RTMP, ...body });
  expect(answer.status, answer.text).toBe(200);
  return answer.body as Transponder;
};
const settings = (body: object, by = alice) =>
  by.call('PATCH', `/v1/projects/${alice.appid}/fls/entry_points/live/settings/push`, body);
const row = async (mediaSessionId: string) => {
  const found = await api.prisma.transfer.findUniqueOrThrow({ where: { mediaSessionId } });
  return { ...found, url: api.box.open(found.url, `transfer:${found.streamId}`) };
};

it('keeps no key in clear, and finds a push by the name that is one', async () => {
  const transponder = await started({ rtmpUrl: `${RTMP}/CLEAR-KEY?token=CLEAR`, rtmpTransponderFullUrl: true });
  expect(
    JSON.stringify(
      await api.prisma
        .$queryRaw`SELECT to_jsonb(transfers) FROM transfers WHERE media_session_id = ${transponder.mediaSessionId}`,
    ),
  ).toMatch(/^(?!.*CLEAR).*rtmp:/);
  expect((await push('find', { streamName: 'CLEAR-KEY?token=CLEAR' })).body).toEqual([transponder]);
});
it("shows a push's URL with its key to its owner alone", async () => {
  const rtmpUrl = `${RTMP}/SECRET-KEY`;
  const { mediaSessionId } = await started({ rtmpUrl, rtmpTransponderFullUrl: true });
  const operator = await api.customer('operator');
  for (const method of ['find', 'find_all']) {
    expect((await push(method, {})).body).toMatchObject([{ mediaSessionId, rtmpUrl }]);
    const seen = await push(method, {}, operator);
    expect(seen.body).toMatchObject([{ mediaSessionId, rtmpUrl: 'rtmp://127.0.0.1/live/***' }]);
    expect(seen.text).not.toContain('SECRET-KEY');
  }
  expect((await push('find', { rtmpUrl }, operator)).body).toMatchObject([{ mediaSessionId }]);
  // What the operator starts for a customer is the customer's.
  const theirs = await push(
    'startup',
    { streamName: 'name', rtmpUrl: `${RTMP}/OTHER-KEY`, rtmpTransponderFullUrl: true, appId: alice.appid },
    operator,
  );
  expect(theirs.text).not.toContain('OTHER-KEY');
});

describe('/rest-api/push/startup', () => {
  it('answers as the vendor documents it, field by field, and the stream goes to the prefixed name', async () => {
    const answer = await push('startup', {
      streamName: 'name',
      rtmpUrl: RTMP,
      rtmpTransponderFullUrl: false,
      rtmpFlashVersion: 'LNX 76.219.189.0',
      options: {},
    });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    expect(Object.entries(answer.body)).toEqual([
      ['mediaSessionId', expect.stringMatching(/^[0-9a-v]{26}$/)],
      ['streamName', 'rtmp_name'],
      ['rtmpUrl', RTMP],
      ['width', 0],
      ['height', 0],
      ['muted', false],
      ['soundEnabled', false],
      ['options', {}],
    ]);
    const { mediaSessionId } = answer.body as Transponder;
    expect(await row(mediaSessionId)).toMatchObject({
      streamId,
      origin: 'push',
      url: `${RTMP}/rtmp_name`,
      options: { flashVer: 'LNX 76.219.189.0' },
    });
    expect(node.requests).toEqual([['syncTransfers', { streamId }]]);
  });

  it('takes the name from a full URL', async () => {
    const { mediaSessionId, streamName, rtmpUrl } = await started({
      rtmpUrl: `${RTMP}/remote7`,
      rtmpTransponderFullUrl: true,
    });
    expect({ streamName, rtmpUrl }).toEqual({ streamName: 'remote7', rtmpUrl: `${RTMP}/remote7` });
    expect((await row(mediaSessionId)).url).toBe(`${RTMP}/remote7`);
  });

  it('transcodes as asked, not for a width alone or zeros', async () => {
    expect(await started({ width: 1280, height: 720, bitrate: 500, keyFrameInterval: 60, fps: '30' })).toMatchObject({
      width: 1280,
      height: 720,
    });
    const { mediaSessionId } = await started({
      rtmpUrl: `${RTMP}2`,
      width: 0,
      height: 0,
      fps: 0,
      bitrate: 0,
      keyFrameInterval: 0,
    });
    expect((await row(mediaSessionId)).options).toEqual({});
    for (const [i, width] of [4096, 1, '640'].entries()) {
      const { mediaSessionId: id } = await started({ rtmpUrl: `${RTMP}w${i}`, width, options: { action: null } });
      expect((await row(id)).options).toEqual({});
    }
    expect(
      (await api.prisma.transfer.findFirstOrThrow({ where: { options: { path: ['fps'], equals: 30 } } })).options,
    ).toEqual({ width: 1280, height: 720, bitrate: 500, keyFrameInterval: 60, fps: 30 });
  });

  it('begins muted, or with a sound', async () => {
    expect(await started({ options: { action: 'mute' } })).toMatchObject({
      muted: true,
      soundEnabled: false,
      options: { action: 'mute' },
    });
    const sound = { action: 'sound_on', soundFile: 'test.wav' };
    expect(await started({ rtmpUrl: `${RTMP}2`, options: { ...sound, loop: true } })).toMatchObject({
      muted: false,
      soundEnabled: true,
      options: { ...sound, loop: true },
    });
    expect(await started({ rtmpUrl: `${RTMP}3`, options: sound })).toMatchObject({
      soundEnabled: true,
      options: { ...sound, loop: false },
    });
  });

  it('takes what clients send beyond the documentation', async () => {
    expect(
      await started({
        appKey: 'defaultApp',
        hasAudio: true,
        options: { something: 1 },
        rtmpTransponderFullUrl: null,
        width: null,
      }),
    ).toMatchObject({ streamName: 'rtmp_name', options: {} });
  });

  it.each([
    [{ streamName: 'name' }, 'rtmpUrl is not set'],
    [{ streamName: 'name', rtmpUrl: '' }, 'rtmpUrl is not set'],
    [{ rtmpUrl: RTMP }, 'streamName is not set'],
    [{ streamName: 'name', rtmpUrl: 7 }, 'rtmpUrl must be'],
    [{ streamName: 'name', rtmpUrl: 'http://127.0.0.1/live' }, 'rtmpUrl does not begin with rtmp:// or rtmps://'],
    [{ streamName: 'name', rtmpUrl: 'rtmp://127.0.0.1' }, 'rtmpUrl has no application'],
    [{ streamName: 'name', rtmpUrl: 'rtmp://no-such-host.invalid/live' }, 'cannot be resolved by DNS'],
    [{ streamName: 'name', rtmpUrl: 'rtmp://10.0.0.1/live' }, 'may not be reached'],
    [{ streamName: 'name', rtmpUrl: RTMP, fps: 'fast' }, 'fps must be'],
    [{ streamName: 'name', rtmpUrl: RTMP, options: { action: 'dance' } }, 'options.action must be'],
    [
      { streamName: 'name', rtmpUrl: RTMP, options: { action: 'sound_on', soundFile: '../../x.wav' } },
      'soundFile must name',
    ],
    ['{"streamName"', 'not JSON'],
  ])("400 for %j, in the vendor's words", async (body, message) => {
    const answer = await push('startup', body);
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    expect(answer.body).toEqual({
      exception: 'com.flashphoner.rest.server.exception.BadRequestException',
      reason: expect.stringContaining('BadRequestException, Bad Request, '),
      path: '/rest-api/push/startup',
      error: 'Bad Request',
      message: expect.stringContaining(message),
      timestamp: expect.any(Number),
      status: 400,
    });
  });

  it('409 for the same stream and rtmpUrl, whatever else is asked', async () => {
    await started({ rtmpUrl: `${RTMP}/a` });
    for (const other of [{}, { height: 240 }, { rtmpTransponderFullUrl: true }]) {
      expect((await push('startup', { streamName: 'name', rtmpUrl: `${RTMP}/a`, ...other })).body).toMatchObject({
        status: 409,
        error: 'Conflict',
      });
    }
    await running(alice, 'other');
    expect((await push('startup', { streamName: 'other', rtmpUrl: `${RTMP}/a` })).status).toBe(200);
    const answers = await Promise.all(
      [1, 2, 3, 4].map(() => push('startup', { streamName: 'name', rtmpUrl: `${RTMP}/x` })),
    );
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(3);
  });

  it('404 for a stream that does not run, and for a sound that is not there', async () => {
    expect((await push('startup', { streamName: 'nobody', rtmpUrl: RTMP })).body).toMatchObject({
      status: 404,
      message: 'Stream not found',
    });
    expect(
      (
        await push('startup', {
          streamName: 'name',
          rtmpUrl: RTMP,
          options: { action: 'sound_on', soundFile: 'none.wav' },
        })
      ).status,
    ).toBe(404);
    await api.prisma.stream.update({ where: { id: streamId }, data: { state: 'ended', endedAt: new Date() } });
    expect((await push('startup', { streamName: 'name', rtmpUrl: RTMP })).status).toBe(404);
  });

  it('makes room for a push that failed for good', async () => {
    const { mediaSessionId } = await started();
    await api.prisma.transfer.update({ where: { mediaSessionId }, data: { state: 'failed', nextRetryAt: null } });
    expect((await push('find_all')).status).toBe(404);
    expect((await push('mute', { mediaSessionId })).status).toBe(404);
    expect((await started()).mediaSessionId).not.toBe(mediaSessionId);
  });

  it('asks which stream is meant when a name runs twice', async () => {
    await running(alice, 'name', 'other');
    const answer = await push('startup', { streamName: 'name', rtmpUrl: RTMP });
    expect(answer.body).toMatchObject({
      status: 400,
      message: expect.stringContaining('appId and entryPoint') as string,
    });
    await started({ entryPoint: 'live', appId: alice.appid });
    await started({ entryPoint: 'other' });
    expect((await push('find', { streamName: 'name' })).body).toHaveLength(2);
    expect((await push('find', { streamName: 'name', entryPoint: 'other' })).body).toHaveLength(1);
  });
});

describe('/rest-api/push/find and find_all', () => {
  it('find by bare and by prefixed name, and by rtmpUrl as it was sent', async () => {
    const transponder = await started();
    const other = await started({ rtmpUrl: `${RTMP}/inst?x=1` });
    for (const filter of [
      { streamName: 'name', rtmpUrl: RTMP },
      { streamName: 'rtmp_name', rtmpUrl: RTMP },
      { rtmpUrl: RTMP },
    ]) {
      expect((await push('find', filter)).body).toEqual([transponder]);
    }
    expect((await push('find', { streamName: 'name' })).body).toEqual([transponder, other]);
    for (const filter of [
      { streamName: 'nam' },
      { rtmpUrl: `${RTMP}/` },
      { streamName: 'name', rtmpUrl: 'rtmp://x/y' },
    ]) {
      const answer = await push('find', filter);
      expect([answer.status, answer.body]).toEqual([
        404,
        expect.objectContaining({ message: 'Transponder not found' }),
      ]);
    }
  });

  it('find_all takes GET and POST, with and without a body', async () => {
    const none = await push('find_all');
    expect([none.status, none.body]).toEqual([404, expect.objectContaining({ message: 'Not found any transponder' })]);
    const transponder = await started();
    for (const [method, body] of [
      ['GET', undefined],
      ['POST', undefined],
      ['POST', ''],
      ['POST', '{}'],
      ['POST', {}],
    ] as const) {
      const answer = await alice.call(method, '/rest-api/push/find_all', body, { 'content-type': 'application/json' });
      expect([answer.status, answer.body]).toEqual([200, [transponder]]);
    }
  });

  it('find while it connects and while it waits for the next attempt', async () => {
    const { mediaSessionId } = await started();
    for (const data of [
      { state: 'connecting' },
      { state: 'reconnecting' },
      { state: 'failed', nextRetryAt: new Date(Date.now() + 60_000) },
    ] as const) {
      await api.prisma.transfer.update({ where: { mediaSessionId }, data });
      expect((await push('find_all')).status).toBe(200);
    }
  });

  it('know nothing of transfers that are no pushes', async () => {
    await alice.call('POST', `/v1/projects/${alice.appid}/fls/streams/${streamId}/transfers`, { url: `${RTMP}/x` });
    expect((await push('find_all')).status).toBe(404);
  });
});

describe('/rest-api/push/terminate, mute, unmute, sound_on, sound_off', () => {
  it('answer 200 with nothing, and do it', async () => {
    const { mediaSessionId } = await started();
    const state = async () => {
      const { status, body } = await push('find_all');
      const [found] = status === 200 ? (body as { muted: boolean; soundEnabled: boolean }[]) : [];
      return found && [found.muted, found.soundEnabled];
    };
    const does = async (method: string, body: object = {}) => {
      const answer = await push(method, { mediaSessionId, ...body });
      expect([method, answer.status, answer.text]).toEqual([method, 200, '']);
      return state();
    };
    expect(await does('mute')).toEqual([true, false]);
    expect(await does('sound_on', { soundFile: 'test.wav', loop: true })).toEqual([true, true]);
    expect(await does('unmute')).toEqual([false, true]);
    expect((await row(mediaSessionId)).options).toEqual({ muted: false, sound: { file: 'test.wav', loop: true } });
    expect(await does('sound_off')).toEqual([false, false]);
    expect(await does('terminate')).toBeUndefined();
    expect((await push('find_all')).status).toBe(404);
    expect(await row(mediaSessionId)).toMatchObject({ state: 'ended', reason: 'removed' });
  });

  it.each(['terminate', 'mute', 'unmute', 'sound_on', 'sound_off'])(
    '%s: 404 for what is not there, 400 without an id',
    async (method) => {
      for (const mediaSessionId of ['eume87rjk3df1i9u14elffga6t', 'x', 7]) {
        const answer = await push(method, { mediaSessionId, soundFile: 'test.wav' });
        expect([answer.status, answer.body]).toEqual([
          404,
          expect.objectContaining({ message: 'Not found transponder', path: `/rest-api/push/${method}` }),
        ]);
      }
      expect((await push(method, {})).status).toBe(400);
    },
  );

  it('sound_on: 404 for a missing file, 400 for a path', async () => {
    const { mediaSessionId } = await started();
    expect((await push('sound_on', { mediaSessionId, soundFile: 'none.wav' })).status).toBe(404);
    for (const soundFile of ['../test.wav', 'a/test.wav', undefined, 7])
      expect((await push('sound_on', { mediaSessionId, soundFile })).status).toBe(400);
  });
});

describe('/rest-api', () => {
  it('is for customers, each with what is theirs', async () => {
    const anonymous = await api.anonymous('POST', '/rest-api/push/find_all');
    expect([anonymous.status, anonymous.headers.get('www-authenticate'), anonymous.body]).toEqual([
      401,
      expect.stringMatching(/^Basic/),
      expect.objectContaining({ path: '/rest-api/push/find_all', status: 401 }),
    ]);
    const { mediaSessionId } = await started();
    expect((await push('find_all', undefined, bob)).status).toBe(404);
    expect((await push('terminate', { mediaSessionId }, bob)).status).toBe(404);
    expect((await push('startup', { streamName: 'name', rtmpUrl: RTMP }, bob)).status).toBe(404);
    expect((await push('startup', { streamName: 'name', rtmpUrl: RTMP, appId: alice.appid }, bob)).status).toBe(404);
  });

  it('answers preflights without credentials', async () => {
    const answer = await api.anonymous('OPTIONS', '/rest-api/push/startup', undefined, {
      origin: 'https://page.example',
      'access-control-request-method': 'POST',
    });
    expect([
      answer.status,
      answer.headers.get('access-control-allow-origin'),
      answer.headers.get('access-control-allow-headers'),
    ]).toEqual([200, '*', expect.stringMatching(/content-type.*authorization/i)]);
  });

  it('knows no other methods', async () => {
    for (const [method, path] of [
      ['POST', '/rest-api/push/nothing'],
      ['POST', '/rest-api/push'],
      ['GET', '/rest-api/push/startup'],
      ['POST', '/rest-api/stream/find'],
    ] as const) {
      expect((await alice.call(method, path)).body).toMatchObject({ status: 404, error: 'Not Found', path });
    }
  });

  it('has a listener of its own, where there is nothing else', async () => {
    await started();
    const at = (path: string) =>
      fetch(`http://127.0.0.1:${port}${path}`, {
        headers: { authorization: `Basic ${Buffer.from(`${alice.id}:${alice.secret}`).toString('base64')}` },
      });
    expect((await at('/rest-api/push/find_all')).status).toBe(200);
    for (const path of ['/v1/projects', '/healthz', '/', '/rest-api/../v1/projects'])
      expect((await at(path)).status).toBe(404);
  });
});

describe('settings/push', () => {
  const get = async () =>
    (await alice.call('GET', `/v1/projects/${alice.appid}/fls/entry_points/live/settings/push`)).body as object;

  it('are the defaults until something else is set; null returns to them', async () => {
    const defaults = {
      streamNamePrefix: 'rtmp_',
      fullUrl: false,
      passUrlParameters: true,
      sendMetadata: true,
      flashVersion: null,
      republishEnabled: true,
      republish: [],
      reconnect: true,
      reconnectAttempts: null,
      reconnectIntervalMs: null,
      localAddress: null,
      publishersMayPush: true,
      bufferEnabled: false,
      bufferStartSizeMs: 300,
      bufferInitialSizeMs: 2000,
      bufferPollingTimeMs: 50,
      bufferMaxBufferings: -1,
      appUrl: null,
      hasHookSecret: false,
    };
    expect(await get()).toEqual(defaults);
    expect((await settings({ streamNamePrefix: '', fullUrl: true })).body).toEqual({
      ...defaults,
      streamNamePrefix: '',
      fullUrl: true,
    });
    expect((await settings({ fullUrl: null, reconnectAttempts: 3 })).body).toEqual({
      ...defaults,
      streamNamePrefix: '',
      reconnectAttempts: 3,
    });
    expect((await settings({})).body).toEqual(await get());
  });

  it("become the pushes' options", async () => {
    await settings({
      streamNamePrefix: 'x-',
      sendMetadata: false,
      flashVersion: 'LNX 9',
      reconnectAttempts: 3,
      reconnectIntervalMs: 5000,
      localAddress: '127.0.0.2',
      bufferEnabled: true,
      bufferMaxBufferings: 2,
    });
    const transponder = await started();
    expect(transponder.streamName).toBe('x-name');
    const options = {
      flashVer: 'LNX 9',
      sendMetadata: false,
      reconnectAttempts: 3,
      reconnectIntervalMs: 5000,
      localAddress: '127.0.0.2',
      bufferStartMs: 300,
      bufferMaxMs: 4000,
      bufferPollMs: 50,
      bufferRefills: 2,
    };
    expect((await row(transponder.mediaSessionId)).options).toEqual(options);
    // Unmodified pages go on asking for the vendor's prefix.
    expect((await push('find', { streamName: 'rtmp_name' })).body).toEqual([transponder]);
    await settings({ reconnect: false });
    const other = await started({ rtmpUrl: `${RTMP}2`, rtmpFlashVersion: 'LNX 76' });
    expect((await row(other.mediaSessionId)).options).toMatchObject({ reconnectAttempts: 0, flashVer: 'LNX 76' });
  });

  it('say whether URLs name their streams, which a request may overrule', async () => {
    await settings({ fullUrl: true });
    expect(await started({ rtmpUrl: `${RTMP}/own` })).toMatchObject({ streamName: 'own' });
    expect(await started({ rtmpUrl: `${RTMP}/inst`, rtmpTransponderFullUrl: false })).toMatchObject({
      streamName: 'rtmp_name',
    });
    await settings({ fullUrl: false, passUrlParameters: false });
    const { mediaSessionId } = await started({ rtmpUrl: `${RTMP}/i2/?user=u` });
    expect((await row(mediaSessionId)).url).toBe(`${RTMP}/i2/rtmp_name`);
  });

  it.each([
    [{ nope: 1 }, ['nope']],
    [
      { streamNamePrefix: 'a/b', fullUrl: 'yes', reconnectAttempts: 0, bufferPollingTimeMs: 5 },
      ['streamNamePrefix', 'fullUrl', 'reconnectAttempts', 'bufferPollingTimeMs'],
    ],
    [{ localAddress: '192.0.2.1' }, ['localAddress']],
    [{ localAddress: 'eth0' }, ['localAddress']],
    [{ republish: [{ url: 'http://x/y' }] }, ['republish.0.url']],
    [{ republish: [{ url: RTMP, more: 1 }] }, ['republish.0.more']],
    [{ republish: [{ url: RTMP, parameters: { a: 1 } }] }, ['republish.0.parameters']],
    [{ appUrl: 'ftp://x', hookSecret: 'short' }, ['appUrl', 'hookSecret']],
  ])('refuse %j', async (body, fields) => {
    const answer = await settings(body);
    expect([answer.status, (answer.body as { errors: { field: string }[] }).errors?.map(({ field }) => field)]).toEqual(
      [400, fields],
    );
  });

  it("keep secrets, and are the owner's", async () => {
    const answer = await settings({
      republish: [{ url: 'rtmp://u:SECRET@127.0.0.1/app?key=SECRET', parameters: { password: 'SECRET' } }],
      appUrl: 'https://app.example/hooks',
      hookSecret: 'SECRET-SECRET',
    });
    expect(answer.body).toMatchObject({
      republish: [{ url: 'rtmp://127.0.0.1/app?***', parameters: { password: '***' } }],
      appUrl: 'https://app.example/hooks',
      hasHookSecret: true,
    });
    expect(answer.text + JSON.stringify(await api.prisma.pushSettings.findMany())).not.toContain('SECRET');
    expect((await settings({}, bob)).status).toBe(404);
  });
});

describe('a WHIP publisher with Manycast-Rtmp-Url', () => {
  it('is pushed there as well, or told why not; the stream goes on', async () => {
    const project = `/v1/projects/${alice.appid}/fls/entry_points/live`;
    const { token } = (await alice.call('POST', `${project}/publish_tokens`)).body as { token: string };
    const publish = (name: string, rtmpUrl: string) =>
      api.anonymous('POST', `/whip/${alice.appid}/live/${name}`, offer(), {
        'content-type': 'application/sdp',
        authorization: `Bearer ${token}`,
        'manycast-rtmp-url': rtmpUrl,
      });
    const good = await publish('pushed', 'rtmp://127.0.0.1/live');
    expect([good.status, good.headers.get('manycast-rtmp-error')]).toEqual([201, null]);
    expect((await alice.call('POST', '/rest-api/push/find', { streamName: 'pushed' })).body).toMatchObject([
      { streamName: 'rtmp_pushed', rtmpUrl: 'rtmp://127.0.0.1/live' },
    ]);
    // The publisher's connection breaks and comes back: what was terminated meanwhile stays so, and what was not goes on.
    const mediaSessionIds = async () =>
      (
        (await alice.call('POST', '/rest-api/push/find', { streamName: 'pushed' })).body as { mediaSessionId: string }[]
      ).map((one) => one.mediaSessionId);
    const [mediaSessionId] = await mediaSessionIds();
    expect((await publish('pushed', 'rtmp://127.0.0.1/live')).headers.get('manycast-rtmp-error')).toBeNull();
    expect(await mediaSessionIds()).toEqual([mediaSessionId]);
    expect((await alice.call('POST', '/rest-api/push/terminate', { mediaSessionId })).status).toBe(200);
    expect((await publish('pushed', 'rtmp://127.0.0.1/live')).headers.get('manycast-rtmp-error')).toMatch(
      /was terminated/,
    );
    expect((await alice.call('POST', '/rest-api/push/find', { streamName: 'pushed' })).status).toBe(404);
    const bad = await publish('refused', 'http://127.0.0.1/live');
    expect([bad.status, bad.headers.get('manycast-rtmp-error')]).toEqual([201, expect.stringMatching(/rtmp/)]);
    await alice.call('PATCH', `${project}/settings/push`, { publishersMayPush: false });
    expect((await publish('forbidden', 'rtmp://127.0.0.1/live')).headers.get('manycast-rtmp-error')).toMatch(/may not/);
    await alice.call('PATCH', `${project}/settings/push`, { publishersMayPush: null });
  });
});
