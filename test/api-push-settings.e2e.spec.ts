// What pushes get from the settings of an entry point, and from publishers.
import { describe, expect, it } from 'vitest';
import { offer } from './support/sdp.js';
import { usePushApi, api, alice, bob, RTMP, push, started, row } from './support/push-api.js';

usePushApi();

const settings = (body: object, by = alice) =>
  by.call('PATCH', `/v1/projects/${alice.appid}/fls/entry_points/live/settings/push`, body);

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
