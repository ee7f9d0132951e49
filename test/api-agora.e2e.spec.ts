// What of Agora's API is not about transfers: banned streams, reports, and what is not ours.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApp, type Answer, type TestApp, type TestCustomer } from './support/app.js';
import { offer } from './support/sdp.js';
import { type ScriptedNode, startScriptedNode } from './support/scripted-node.js';

const DAY_MS = 86_400_000;
let api: TestApp;
let node: ScriptedNode;
let alice: TestCustomer;
let token: string;

beforeAll(async () => {
  api = await startApp();
  node = await startScriptedNode(api, { slots: 1000 });
});
afterAll(async () => {
  await node?.stop();
  await api?.stop();
});
beforeEach(async () => {
  alice = await api.customer();
  ({ token } = (await alice.call('POST', `${live()}/publish_tokens`)).body as { token: string });
  node.requests.length = 0;
  node.endScript = 'answer';
});

const fls = (path: string) => `/v1/projects/${alice.appid}/fls/${path}`;
const live = () => fls('entry_points/live');
const banPath = (name: string) => `${live()}/admin/banned_streams/${name}`;
const publish = (name: string): Promise<Answer> =>
  api.anonymous('POST', `/whip/${alice.appid}/live/${name}`, offer(), {
    authorization: `Bearer ${token}`,
    'content-type': 'application/sdp',
  });
const bans = async () =>
  (
    (await alice.call('GET', `${live()}/admin/banned_streams`)).body as {
      bannedStreamList: { name: string; resumeTime: string }[];
    }
  ).bannedStreamList;
const events = async () =>
  (
    (await alice.call('GET', fls('events'))).body as {
      events: { type: string; streamId: string | null; data: Record<string, unknown> }[];
    }
  ).events;
const streams = async () =>
  (
    (await alice.call('GET', fls('streams'))).body as {
      streams: { id: string; name: string; state: string; reason: { code: string } | null }[];
    }
  ).streams;

it("an entry point is made in Agora's form", async () => {
  expect((await alice.call('POST', fls('entry_points?id=studio'))).status).toBe(201);
  expect(
    ((await alice.call('GET', fls('entry_points'))).body as { entryPointList: { name: string }[] }).entryPointList.map(
      ({ name }) => name,
    ),
  ).toEqual(['live', 'studio']);
});

describe('a banned stream', () => {
  it('is listed with its time, and for seven days when none is given', async () => {
    expect((await alice.call('PATCH', banPath('one'), { resumeTime: '2090-11-29T19:00:00+08:00' })).body).toEqual({
      name: 'one',
      resumeTime: '2090-11-29T11:00:00.000Z',
    });
    const before = Date.now();
    await alice.call('PATCH', banPath('two'));
    const [two, one] = await bans();
    expect([two?.name, one]).toEqual(['two', { name: 'one', resumeTime: '2090-11-29T11:00:00.000Z' }]);
    const left = Date.parse(two?.resumeTime ?? '') - before;
    expect([left >= 7 * DAY_MS, left < 7 * DAY_MS + 60_000]).toEqual([true, true]);
    // Again changes the time.
    await alice.call('PATCH', banPath('one'), { resumeTime: '2091-01-01T00:00:00Z' });
    expect((await bans()).find(({ name }) => name === 'one')?.resumeTime).toBe('2091-01-01T00:00:00.000Z');
  });

  it('is refused at WHIP with a sentence, at this entry point alone, until it is unbanned', async () => {
    await alice.call('PATCH', banPath('cam'), { resumeTime: '2090-01-01T00:00:00Z' });
    const refused = await publish('cam');
    expect([refused.status, refused.body]).toMatchObject([
      403,
      {
        code: 'banned',
        message: 'The name of the stream is banned at this entry point; unban it, or wait until the ban is over.',
        detail: 'Until 2090-01-01T00:00:00.000Z, unless it is unbanned before.',
      },
    ]);
    expect((await publish('other')).status).toBe(201);
    await alice.call('POST', fls('entry_points?id=studio'));
    const studio = (
      (await alice.call('POST', `${fls('entry_points/studio')}/publish_tokens`)).body as { token: string }
    ).token;
    expect(
      (
        await api.anonymous('POST', `/whip/${alice.appid}/studio/cam`, offer(), {
          authorization: `Bearer ${studio}`,
          'content-type': 'application/sdp',
        })
      ).status,
    ).toBe(201);
    expect((await alice.call('DELETE', banPath('cam'))).status).toBe(200);
    expect((await publish('cam')).status).toBe(201);
    expect((await alice.call('DELETE', banPath('cam'))).status).toBe(404);
    const told = await events();
    expect(told.filter(({ type }) => /banned/.test(type)).map(({ type, data }) => [type, data])).toEqual([
      ['stream.unbanned', { streamName: 'cam', entryPoint: 'live' }],
      ['stream.banned', { streamName: 'cam', entryPoint: 'live', resumeTime: '2090-01-01T00:00:00.000Z' }],
    ]);
  });

  it.each([
    ['its node', 'answer' as const],
    ['the API, when its node cannot', { refuse: 'unknown_stream', message: 'this node does not run this stream' }],
  ])('that runs is ended by %s, and its publisher is told not to come back', async (_, script) => {
    node.endScript = script;
    const published = await publish('cam');
    await alice.call('PATCH', banPath('cam'));
    const [stream] = await streams();
    expect(stream).toMatchObject({ name: 'cam', state: 'ended', reason: { code: 'banned' } });
    expect(node.requests.find(([op]) => op === 'endStream')?.[1]).toMatchObject({ reason: 'banned' });
    const session = await api.anonymous('GET', published.headers.get('location') ?? '');
    expect([session.status, session.headers.get('content-type')]).toEqual([410, 'application/problem+json']);
    expect((await publish('cam')).status).toBe(403);
    expect((await events()).find(({ type }) => type === 'stream.banned')?.streamId).toBe(stream?.id);
  });

  it('is free again when its time has come', async () => {
    await alice.call('PATCH', banPath('cam'), { resumeTime: new Date(Date.now() + 1500).toISOString() });
    expect((await publish('cam')).status).toBe(403);
    await expect.poll(async () => (await publish('cam')).status, { timeout: 10_000 }).toBe(201);
    expect(await bans()).toEqual([]);
  });

  it('never runs, however close a publisher and the ban come together', async () => {
    for (let i = 0; i < 12; i += 1) {
      const name = `race-${i}`;
      await Promise.all([publish(name), alice.call('PATCH', banPath(name)), publish(name)]);
    }
    expect((await streams()).filter(({ state }) => state !== 'ended')).toEqual([]);
  });

  it.each([
    { resumeTime: 'tomorrow' },
    { resumeTime: '2020-01-01T00:00:00Z' },
    { resumeTime: null },
    { resumeTime: 7 },
    { until: '2090-01-01T00:00:00Z' },
  ])('%j is 400', async (body) => {
    expect((await alice.call('PATCH', banPath('cam'), body)).status).toBe(400);
    expect((await alice.call('PATCH', banPath('no%20name'), {})).status).toBe(400);
  });
});

describe('reports', () => {
  async function row(name: string, more: object, entryPoint = 'live'): Promise<void> {
    const { id } = await api.prisma.entryPoint.findFirstOrThrow({
      where: { projectId: alice.appid, name: entryPoint },
    });
    await api.prisma.stream.create({ data: { projectId: alice.appid, entryPointId: id, name, ...more } });
  }
  const now = Math.floor(Date.now() / 1000) * 1000;
  const at = (minutesAgo: number) => new Date(now - minutesAgo * 60_000);
  const history = (query = '') => alice.call('GET', `${live()}/reports/publish_history${query}`);
  const published = async (query = '') =>
    (
      (await history(query)).body as {
        publishHistory: { name: string; startTime: string; endTime: string; duration: number }[];
      }
    ).publishHistory;

  it('tell what is online: from the first media on, until the end', async () => {
    await alice.call('POST', fls('entry_points?id=studio'));
    await row('live-one', { state: 'live', startedAt: at(10) });
    await row('back-soon', { state: 'reconnecting', startedAt: at(5) });
    await row('no-media-yet', { state: 'connecting' });
    await row('over', { state: 'ended', startedAt: at(30), endedAt: at(20) });
    await row('elsewhere', { state: 'live', startedAt: at(1) }, 'studio');
    expect((await alice.call('GET', `${live()}/reports/online_streams`)).body).toEqual({
      streamList: [
        { name: 'back-soon', startTime: at(5).toISOString() },
        { name: 'live-one', startTime: at(10).toISOString() },
      ],
    });
    expect((await alice.call('GET', `${live()}/reports/online_streams/live-one`)).body).toEqual({
      startTime: at(10).toISOString(),
    });
    for (const name of ['no-media-yet', 'over', 'elsewhere', 'nothing']) {
      const absent = await alice.call('GET', `${live()}/reports/online_streams/${name}`);
      expect([absent.status, (absent.body as { message: string }).message]).toEqual([
        404,
        'This stream is not online.',
      ]);
    }
  });

  it('tell what was published when, the latest end first', async () => {
    await row('first', { state: 'ended', startedAt: at(60), endedAt: at(50) });
    await row('second', { state: 'ended', startedAt: at(90), endedAt: at(10) });
    await row('never-live', { state: 'ended', endedAt: at(5) });
    await row('still', { state: 'live', startedAt: at(2) });
    expect(await published()).toEqual([
      { name: 'second', startTime: at(90).toISOString(), endTime: at(10).toISOString(), duration: 80 * 60 },
      { name: 'first', startTime: at(60).toISOString(), endTime: at(50).toISOString(), duration: 10 * 60 },
    ]);
    const names = async (query: string) => (await published(query)).map(({ name }) => name);
    expect(await names('?stream_name=first')).toEqual(['first']);
    expect(await names(`?start_time=${at(20).toISOString()}`)).toEqual(['second']);
    expect(await names(`?end_time=${at(20).toISOString()}`)).toEqual(['first']);
    // Encoded as Agora says, and not.
    const zoned = new Date(at(20).getTime() + 8 * 3_600_000).toISOString().replace(/\.\d+Z/, '+08:00');
    expect(await names(`?start_time=${encodeURIComponent(zoned)}`)).toEqual(['second']);
    expect(await names(`?start_time=${zoned}`)).toEqual(['second']);
  });

  it.each([
    '?start_time=yesterday',
    '?end_time=1',
    '?start_time=2026-01-02T00:00:00Z&end_time=2026-01-01T00:00:00Z',
    '?stream_name=a%20b',
    '?page=2',
    '?start_time=2026-01-02T00:00:00Z&start_time=2026-01-02T00:00:00Z',
  ])('%s is 400', async (query) => {
    expect((await history(query)).status).toBe(400);
  });
});

describe('what is not ours is 404 and says so', () => {
  it.each([
    ['GET', 'domains'],
    ['POST', 'domains'],
    ['PATCH', 'domains/push.example.com'],
    ['GET', 'certificates'],
    ['GET', 'settings/notification'],
    ['PATCH', 'entry_points/live/settings/record/standard/regions/cn'],
    ['PATCH', 'entry_points/live/settings/record/custom/auto'],
    ['PUT', 'entry_points/live/admin/record/standard/regions/cn/tasks'],
    ['GET', 'entry_points/live/settings/snapshot/standard/regions/cn'],
    ['PATCH', 'entry_points/live/settings/watermark'],
    ['POST', 'entry_points/live/settings/transcode/custom'],
    ['GET', 'entry_points/live/settings/origin_site'],
    ['PATCH', 'entry_points/live/admin/delayed_streams/cam'],
    ['GET', 'entry_points/live/reports/publish_quality'],
    ['GET', 'entry_points/live/reports/stream_play_statistic'],
  ])('%s %s', async (method, path) => {
    const { status, body } = await alice.call(method, fls(path));
    expect([status, body]).toMatchObject([
      404,
      {
        code: 'not_ours',
        message: expect.stringMatching(/: not part of manycast, which forwards live streams\.$/) as string,
      },
    ]);
    expect((await api.anonymous(method, fls(path))).status).toBe(401);
  });

  it('a mistake in a path is still what it was', async () => {
    expect((await alice.call('GET', fls('entry_points/live/settings/tranfser'))).body).toMatchObject({
      message: 'no Route matched with those values',
    });
  });
});
