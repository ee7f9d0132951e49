// Pushes that run: found, muted and ended; and who may ask.
import { describe, expect, it } from 'vitest';
import { usePushApi, api, alice, bob, streamId, port, RTMP, push, started, row } from './support/push-api.js';

usePushApi();

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
