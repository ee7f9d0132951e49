// Settings, callbacks, streams, transfers, events.
import { v7 as uuidv7 } from 'uuid';
import { basic, type Answer, type TestApp } from '../app.js';
import {
  ask,
  type Calls,
  fls,
  HOT_ROUNDS,
  idOf,
  live,
  PAGE,
  page,
  pageOfLog,
  pageOfStreams,
  type Way,
} from './call.js';
import { cursorAt, type Installation, newStream, type Tenant } from './installation.js';

const streams = (query: () => string): Way['run'] => ask('GET', (by) => fls(by, `streams?limit=${PAGE}&${query()}`));
const ofLive = (path = ''): ((by: Tenant) => string) => {
  return (by) => fls(by, `streams/${by.live.id}${path}`);
};

/** A transfer of a stream that was made for it, as `<stream>/transfers/<transfer>`. */
const newTransfer = async (by: Tenant, at: Installation): Promise<string> => {
  const { id } = await newStream(at, by);
  const answer = await by.call('POST', fls(by, `streams/${id}/transfers`), { url: 'rtmp://127.0.0.1:9/live/KEY' });
  return `${id}/transfers/${idOf(answer)}`;
};

/** A delivery about a stream that runs. */
const newDelivery = async (by: Tenant, at: Installation): Promise<string> => {
  const { id: streamId } = await newStream(at, by);
  const { id } = await at.api.prisma.callbackDelivery.create({
    data: {
      id: uuidv7(),
      entryPointId: by.entryPointId,
      streamId,
      attempt: 1,
      url: 'http://127.0.0.1/',
      outcome: 'ok',
      durationMs: 1,
    },
  });
  return id;
};

/** Listens until figures have come: by then what was missed has been read, and new events looked for. Who names streams does not hear of the others. */
const feed =
  (path: (by: Tenant) => string): Way['run'] =>
  async (by, _made, { api, big, paths }) => {
    const after = (await lastEvent(api)) / 2n;
    const queries = [
      `lastEventId=${after}`,
      `lastEventId=${after}-${after - 1n}.${after - 3n}&figuresOf=${by.live.id},${big.live.id}`,
    ];
    const urls = queries.map((query) => `${api.url}${path(by)}?${query}`);
    paths.push(...urls);
    const answers = await Promise.all(urls.map((url) => listen(by, url)));
    return answers[0] as Answer;
  };

async function listen(by: Tenant, url: string): Promise<Answer> {
  const stop = new AbortController();
  const { status, headers, body } = await fetch(url, {
    headers: { authorization: basic(by.id, by.secret) },
    signal: stop.signal,
  });
  let text = '';
  for await (const part of (body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream())) {
    text += part;
    if (text.includes('event: figures')) break;
  }
  stop.abort();
  return { status, headers, text, body: undefined as never };
}
const FEED = {
  buffers: 5500,
  because: 'a reader who was away gets up to 5,000 events, and figures are those of 300 streams',
};

export const streamCalls: Calls = {
  'get /v1/projects/{appid}/fls/entry_points/{entryPoint}/settings/transfer': [
    { run: ask('GET', (by) => live(by, '/settings/transfer')), rounds: HOT_ROUNDS },
  ],
  'patch /v1/projects/{appid}/fls/entry_points/{entryPoint}/settings/transfer': [
    {
      run: (by, _, { callback }) =>
        by.call('PATCH', live(by, '/settings/transfer'), { enabled: true, callbackUrl: callback.url }),
      rounds: HOT_ROUNDS,
    },
  ],
  'post /v1/projects/{appid}/fls/entry_points/{entryPoint}/settings/transfer/test': [
    {
      run: (by, _, { callback }) =>
        by.call('POST', live(by, '/settings/transfer/test'), { callbackUrl: callback.url, probe: false }),
    },
  ],
  'get /v1/projects/{appid}/fls/entry_points/{entryPoint}/settings/transfer/secrets': [
    { run: ask('GET', (by) => live(by, '/settings/transfer/secrets')) },
  ],
  'post /v1/projects/{appid}/fls/entry_points/{entryPoint}/settings/transfer/secrets/rotate': [
    { run: ask('POST', (by) => live(by, '/settings/transfer/secrets/rotate'), { overlap: 0 }) },
  ],
  'get /v1/projects/{appid}/fls/entry_points/{entryPoint}/callbacks': [
    { what: 'first page', run: ask('GET', (by) => live(by, `/callbacks?limit=${PAGE}`)), most: pageOfLog() },
    {
      what: 'from the middle',
      run: ask('GET', (by) => live(by, `/callbacks?limit=${PAGE}&cursor=${cursorAt(15)}`)),
      most: pageOfLog(),
    },
    {
      what: 'the last',
      run: ask('GET', (by) => live(by, `/callbacks?limit=${PAGE}&cursor=${cursorAt(30)}`)),
      most: pageOfLog(),
    },
    { what: 'of a stream', run: ask('GET', (by) => live(by, `/callbacks?streamId=${by.ended}`)), most: pageOfLog(50) },
    {
      what: 'more of a stream',
      run: ask('GET', (by) => live(by, `/callbacks?streamId=${by.ended}&cursor=${cursorAt(0)}`)),
      most: pageOfLog(50),
    },
  ],
  'post /v1/projects/{appid}/fls/entry_points/{entryPoint}/callbacks/{deliveryId}/replay': [
    { make: newDelivery, run: ask('POST', (by, id) => live(by, `/callbacks/${id}/replay`)) },
  ],
  'get /v1/projects/{appid}/fls/streams': [
    { what: 'first page', run: streams(() => ''), most: pageOfStreams() },
    { what: 'from the middle', run: streams(() => `cursor=${cursorAt(180)}`), most: pageOfStreams() },
    { what: 'the last', run: streams(() => `cursor=${cursorAt(365)}`), most: pageOfStreams() },
    ...['starting', 'connecting', 'live', 'reconnecting', 'ended'].flatMap((state): Way[] => [
      { what: state, run: streams(() => `state=${state}`), most: pageOfStreams() },
      { what: `${state}, more`, run: streams(() => `state=${state}&cursor=${cursorAt(0.04)}`), most: pageOfStreams() },
    ]),
    { what: 'of an entry point', run: streams(() => 'entry_point=live'), most: pageOfStreams() },
    { what: 'of an empty entry point', run: streams(() => 'entry_point=more-1'), most: pageOfStreams() },
    { what: 'live ones of an entry point', run: streams(() => 'entry_point=live&state=live'), most: pageOfStreams() },
    {
      what: 'live ones of an empty entry point',
      run: streams(() => 'entry_point=more-1&state=live'),
      most: pageOfStreams(),
    },
    {
      what: 'ended ones of an entry point, more',
      run: streams(() => `entry_point=live&state=ended&cursor=${cursorAt(180)}`),
      most: page(),
    },
  ],
  'get /v1/projects/{appid}/fls/streams/{streamId}': [
    { what: 'that runs', run: ask('GET', ofLive()), rounds: HOT_ROUNDS },
    { what: 'that has ended', run: ask('GET', (by) => fls(by, `streams/${by.ended}`)) },
  ],
  'delete /v1/projects/{appid}/fls/streams/{streamId}': [
    {
      make: async (by, at) => (await newStream(at, by)).id,
      run: ask('DELETE', (by, id) => fls(by, `streams/${id}`)),
    },
    {
      what: 'whose node does not answer',
      isSlow: true,
      make: async (by, at) => {
        const { id } = await newStream(at, by);
        await at.api.prisma.stream.update({ where: { id }, data: { ownerNode: 'nobody' } });
        return id;
      },
      run: ask('DELETE', (by, id) => fls(by, `streams/${id}`)),
    },
  ],
  'get /v1/projects/{appid}/fls/streams/{streamId}/thumbnail': [{ run: ask('GET', ofLive('/thumbnail')) }],
  'get /v1/projects/{appid}/fls/streams/{streamId}/transfers': [
    { what: 'first page', run: ask('GET', ofLive(`/transfers?limit=${PAGE}`)) },
    { what: 'next', run: ask('GET', (by) => ofLive(`/transfers?limit=1&cursor=${by.live.transferId}`)(by)) },
  ],
  'post /v1/projects/{appid}/fls/streams/{streamId}/transfers': [
    {
      make: async (by, at) => (await newStream(at, by)).id,
      run: ask('POST', (by, id) => fls(by, `streams/${id}/transfers`), { url: 'rtmp://127.0.0.1:9/live/KEY' }),
    },
  ],
  'get /v1/projects/{appid}/fls/streams/{streamId}/transfers/{transferId}': [
    { run: ask('GET', (by) => ofLive(`/transfers/${by.live.transferId}`)(by)) },
  ],
  'patch /v1/projects/{appid}/fls/streams/{streamId}/transfers/{transferId}': [
    { make: newTransfer, run: ask('PATCH', (by, made) => fls(by, `streams/${made}`), { muted: true }) },
  ],
  'delete /v1/projects/{appid}/fls/streams/{streamId}/transfers/{transferId}': [
    { make: newTransfer, run: ask('DELETE', (by, made) => fls(by, `streams/${made}`)) },
  ],
  'post /v1/projects/{appid}/fls/streams/{streamId}/transfers/{transferId}/retry': [
    { make: newTransfer, run: ask('POST', (by, made) => fls(by, `streams/${made}/retry`)) },
  ],
  'get /v1/projects/{appid}/fls/events': [
    { what: 'first page', run: ask('GET', (by) => fls(by, `events?limit=${PAGE}`)), most: pageOfLog() },
    {
      what: 'from the middle',
      make: middle,
      run: ask('GET', (by, id) => fls(by, `events?limit=${PAGE}&cursor=${id}`)),
      most: pageOfLog(),
    },
    { what: 'the last', run: ask('GET', (by) => fls(by, `events?limit=${PAGE}&cursor=500`)), most: pageOfLog() },
    { what: 'of a stream', run: ask('GET', (by) => fls(by, `events?streamId=${by.ended}`)), most: pageOfLog(50) },
    {
      what: 'more of a stream',
      make: middle,
      run: ask('GET', (by, id) => fls(by, `events?streamId=${by.ended}&cursor=${id}`)),
      most: pageOfLog(50),
    },
  ],
  'get /v1/projects/{appid}/fls/events/stream': [
    { run: feed((by) => fls(by, 'events/stream')), most: FEED, isSlow: true },
  ],
  'get /v1/events/stream': [{ run: feed(() => '/v1/events/stream'), most: FEED, isSlow: true }],
};

/** The id of an event in the middle of all. */
async function middle(_: Tenant, { api }: Installation): Promise<string> {
  return String((await lastEvent(api)) / 2n);
}

const lastEvent = async ({ prisma }: TestApp): Promise<bigint> =>
  (await prisma.event.findFirstOrThrow({ orderBy: { id: 'desc' }, select: { id: true } })).id;
