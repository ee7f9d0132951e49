// WHIP, Flashphoner's pushes, Agora's bans and reports, and what operators look at.
import {
  ask,
  type Bound,
  type Calls,
  fls,
  HOT_ROUNDS,
  live,
  PAGE,
  page,
  pageOfStreams,
  POINT,
  running,
  type Way,
} from './call.js';
import { cursorAt, type Installation, newStream, type Tenant } from './installation.js';
import { offer } from '../sdp.js';

let names = 0;
const newName = (): string => `pub-${(names += 1)}`;
const bearer = (by: Tenant): Record<string, string> => ({ authorization: `Bearer ${by.token}` });
const endpoint = (by: Tenant, name: string): string => `/whip/${by.appid}/live/${name}`;
const publish = (by: Tenant, name: string, { api }: Installation) =>
  api.anonymous('POST', endpoint(by, name), offer(), { ...bearer(by), 'content-type': 'application/sdp' });
/** A name that is published under. */
const published = async (by: Tenant, at: Installation): Promise<string> => {
  const name = newName();
  await publish(by, name, at);
  return name;
};
const session = async (by: Tenant, at: Installation): Promise<string> =>
  new URL((await publish(by, newName(), at)).headers.get('location') ?? '', at.api.url).pathname;
const FRAGMENT = 'a=ice-ufrag:next\r\na=ice-pwd:passwordpasswordpassword\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n';
const CANDIDATES = FRAGMENT.replace('next', 'user').replace(
  'm=audio',
  'a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\nm=audio',
);
const trickle =
  (fragment: string, ifMatch: string): Way['run'] =>
  (_, path, { api }) =>
    api.anonymous('PATCH', path, fragment, { 'content-type': 'application/trickle-ice-sdpfrag', 'if-match': ifMatch });
/** A stream begins in one call of a function: its locks, its counts, its rows, their indexes and foreign keys. */
/** For the first time on a connection, Postgres reads the catalog of the partitions that the event may go to. */
const CATALOG = 400;
const BEGIN = (by: Tenant): Bound => {
  const bound = running(
    1,
    'a function of several statements with their foreign keys, which counts the streams of the customer',
  )(by);
  return { ...bound, buffers: bound.buffers + CATALOG };
};

const push = (method: string, body: (by: Tenant, made: string) => object): Way['run'] => {
  return (by, made) => by.call('POST', `/rest-api/push/${method}`, body(by, made));
};
const PUSHES = running(
  20,
  'the names that pushes are found by are sealed, and the answer has no pages: all of the caller are read',
);
const newPush = async (by: Tenant, at: Installation): Promise<string> => {
  const { name } = await newStream(at, by);
  const answer = await push('startup', () => ({ streamName: name, rtmpUrl: 'rtmp://127.0.0.1/live', appId: by.appid }))(
    by,
    '',
    at,
  );
  return (answer.body as { mediaSessionId: string }).mediaSessionId;
};
const ofPush = (method: string, more: object = {}): Way => ({
  make: newPush,
  run: push(method, (_, mediaSessionId) => ({ mediaSessionId, ...more })),
});

/** The name is looked for among what runs of the caller or of the project, whichever Postgres thinks is less. */
const NAMED = running(1, 'a name among what runs of the caller');
const COUNTS = 'what runs is counted by state: streams and their transfers';
const BANNED = '/admin/banned_streams';
const ban = { resumeTime: '2099-01-01T00:00:00Z' };
const history = (query: (by: Tenant) => string): Way['run'] => {
  return ask('GET', (by) => live(by, `/reports/publish_history?${query(by)}`));
};
const REPORT = { buffers: 4 * 1000 + POINT.buffers, because: 'a report of up to 1,000 streams, as Agora has it' };

export const publishCalls: Calls = {
  'post /whip/{appid}/{entryPoint}/{streamName}': [
    { what: 'a new stream', run: (by, _, at) => publish(by, newName(), at), rounds: HOT_ROUNDS, most: BEGIN },
    { what: 'another publisher', make: published, run: publish, most: BEGIN },
  ],
  'get /whip/{appid}/{entryPoint}/{streamName}': [
    { run: (by, _, { api }) => api.anonymous('GET', endpoint(by, 'cam')) },
  ],
  'delete /whip/{appid}/{entryPoint}/{streamName}': [
    {
      make: published,
      run: (by, name, { api }) => api.anonymous('DELETE', endpoint(by, name), undefined, bearer(by)),
    },
  ],
  'options /whip/{appid}/{entryPoint}/{streamName}': [
    { run: (by, _, { api }) => api.anonymous('OPTIONS', endpoint(by, 'cam')) },
  ],
  'patch /whip/sessions/{session}': [
    { what: 'candidates', make: session, run: trickle(CANDIDATES, '*'), rounds: HOT_ROUNDS },
    { what: 'a restart', make: session, run: trickle(FRAGMENT, '*'), rounds: HOT_ROUNDS },
  ],
  'get /whip/sessions/{session}': [{ make: session, run: (_, path, { api }) => api.anonymous('GET', path) }],
  'options /whip/sessions/{session}': [{ make: session, run: (_, path, { api }) => api.anonymous('OPTIONS', path) }],
  'delete /whip/sessions/{session}': [
    { make: session, run: (_, path, { api }) => api.anonymous('DELETE', path), rounds: HOT_ROUNDS },
  ],
  'get /v1/projects/{appid}/fls/entry_points/{entryPoint}/settings/push': [
    { run: ask('GET', (by) => live(by, '/settings/push')) },
  ],
  'patch /v1/projects/{appid}/fls/entry_points/{entryPoint}/settings/push': [
    { run: ask('PATCH', (by) => live(by, '/settings/push'), { reconnect: true }) },
  ],
  'post /rest-api/push/startup': [
    {
      make: async (by, at) => (await newStream(at, by)).name,
      run: push('startup', ({ appid }, streamName) => ({ streamName, rtmpUrl: 'rtmp://127.0.0.1/live', appId: appid })),
      rounds: HOT_ROUNDS,
      most: NAMED,
    },
    {
      what: 'of a name somewhere',
      most: NAMED,
      make: async (by, at) => (await newStream(at, by)).name,
      run: push('startup', (_, streamName) => ({ streamName, rtmpUrl: 'rtmp://127.0.0.1/live' })),
    },
  ],
  'post /rest-api/push/find': [
    { what: 'by name', run: push('find', ({ live: { name } }) => ({ streamName: name })), most: PUSHES },
    { what: 'by URL', run: push('find', ({ live: { pushUrl } }) => ({ rtmpUrl: pushUrl })), most: PUSHES },
    {
      what: 'in a project',
      run: push('find', ({ live: { name }, appid }) => ({ streamName: name, appId: appid, entryPoint: 'live' })),
      most: PUSHES,
    },
  ],
  'get /rest-api/push/find_all': [{ run: ask('GET', () => '/rest-api/push/find_all'), most: PUSHES }],
  'post /rest-api/push/find_all': [{ run: push('find_all', ({ appid }) => ({ appId: appid })), most: PUSHES }],
  'post /rest-api/push/terminate': [ofPush('terminate')],
  'post /rest-api/push/mute': [ofPush('mute')],
  'post /rest-api/push/unmute': [ofPush('unmute')],
  'post /rest-api/push/sound_off': [ofPush('sound_off')],
  'post /rest-api/push/sound_on': [ofPush('sound_on', { soundFile: 'test.wav' })],
  'get /v1/projects/{appid}/fls/entry_points/{entryPoint}/admin/banned_streams': [
    { run: ask('GET', (by) => live(by, BANNED)), most: page(500) },
  ],
  'patch /v1/projects/{appid}/fls/entry_points/{entryPoint}/admin/banned_streams/{streamName}': [
    { run: (by) => by.call('PATCH', live(by, `${BANNED}/${newName()}`), ban) },
  ],
  'delete /v1/projects/{appid}/fls/entry_points/{entryPoint}/admin/banned_streams/{streamName}': [
    {
      make: async (by) => {
        const name = newName();
        await by.call('PATCH', live(by, `${BANNED}/${name}`), ban);
        return name;
      },
      run: ask('DELETE', (by, name) => live(by, `${BANNED}/${name}`)),
    },
  ],
  'get /v1/projects/{appid}/fls/entry_points/{entryPoint}/reports/online_streams': [
    { run: ask('GET', (by) => live(by, '/reports/online_streams')), most: REPORT },
  ],
  'get /v1/projects/{appid}/fls/entry_points/{entryPoint}/reports/online_streams/{streamName}': [
    { run: ask('GET', (by) => live(by, `/reports/online_streams/${by.live.name}`)) },
  ],
  'get /v1/projects/{appid}/fls/entry_points/{entryPoint}/reports/publish_history': [
    { what: 'of 60 days', run: history(() => ''), most: REPORT },
    { what: 'of a name', run: history(() => 'stream_name=cam7'), most: REPORT },
    { what: 'of a name that never was', run: history(() => 'stream_name=nobody'), most: REPORT },
    {
      what: 'of a day long ago',
      run: history(() => 'start_time=2026-06-01T00:00:00Z&end_time=2026-06-02T00:00:00Z'),
      most: REPORT,
    },
  ],
  'get /v1/projects/{appid}/fls/settings/streamauth/webhook': [
    { run: ask('GET', (by) => fls(by, 'settings/streamauth/webhook')) },
  ],
  'patch /v1/projects/{appid}/fls/settings/streamauth/webhook': [
    {
      run: ask('PATCH', (by) => fls(by, 'settings/streamauth/webhook'), {
        enabled: false,
        url: 'http://127.0.0.1:9/auth',
        secret: 'secret',
      }),
    },
  ],
  'get /v1/streams': [
    { what: 'first page', run: ask('GET', () => `/v1/streams?limit=${PAGE}`), most: pageOfStreams() },
    {
      what: 'from the middle',
      run: ask('GET', () => `/v1/streams?limit=${PAGE}&cursor=${cursorAt(180)}`),
      most: pageOfStreams(),
    },
    ...['starting', 'connecting', 'live', 'reconnecting', 'ended'].flatMap((state): Way[] => [
      { what: state, run: ask('GET', () => `/v1/streams?limit=${PAGE}&state=${state}`), most: pageOfStreams() },
      {
        what: `${state}, more`,
        run: ask('GET', () => `/v1/streams?limit=${PAGE}&state=${state}&cursor=${cursorAt(0.04)}`),
        most: pageOfStreams(),
      },
    ]),
  ],
  'get /v1/history': [{ run: ask('GET', () => '/v1/history?minutes=60'), most: running(8, COUNTS) }],
  'get /metrics': [{ run: ask('GET', () => '/metrics'), most: running(8, COUNTS) }],
  'get /v1/nodes': [{ run: ask('GET', () => '/v1/nodes') }],
  'get /v1/queues': [{ run: ask('GET', () => '/v1/queues') }],
  'get /readyz': [{ run: ask('GET', () => '/readyz') }],
  'get /healthz': [{ run: ask('GET', () => '/healthz') }],
  'get /openapi.json': [{ run: ask('GET', () => '/openapi.json') }],
};
