import { describe, expect, it } from 'vitest';
import {
  usePushApi,
  api,
  node,
  alice,
  streamId,
  RTMP,
  running,
  push,
  started,
  row,
  type Transponder,
} from './support/push-api.js';

usePushApi();

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
