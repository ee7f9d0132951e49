import { Queue } from 'bullmq';
import { describe, expect, it } from 'vitest';
import { Dispatcher } from '../apps/api/src/streams/publish/dispatcher.js';
import { STREAMS_QUEUE } from '../libs/queue/src/index.js';
import { ANSWER } from './support/scripted-node.js';
import { offer } from './support/sdp.js';
import {
  useWhipApi,
  replaced,
  api,
  node,
  startNode,
  alice,
  token,
  newToken,
  endpoint,
  newName,
  post,
  stream,
} from './support/whip-api.js';

useWhipApi();

describe('POST of an offer', () => {
  it('is answered as RFC 9725 says and clients need', async () => {
    const name = newName();
    const answer = await post(name, offer(), { origin: 'https://page.example' });
    expect(answer.status).toBe(201);
    expect(answer.text).toBe(ANSWER);
    // No charset: some clients compare the whole value.
    expect(answer.headers.get('content-type')).toBe('application/sdp');
    // An absolute path without a query: OBS replaces the path of its endpoint by it.
    expect(answer.headers.get('location')).toMatch(/^\/whip\/sessions\/[\w-]{32}$/);
    expect(answer.headers.get('etag')).toMatch(/^"[\w-]+"$/);
    expect(answer.headers.get('accept-patch')).toBe('application/trickle-ice-sdpfrag');
    expect(answer.headers.get('link')).toBe('<stun:stun.example:3478>; rel="ice-server"');
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    expect(answer.headers.get('access-control-expose-headers')).toMatch(/Location.*ETag.*Link/);
    expect(await stream(name)).toMatchObject({
      state: 'connecting',
      callbackState: 'none',
      callbackReason: 'transfer_disabled',
      sessions: [{ iceUfrag: 'user' }],
    });
  });

  it.each([
    ['no candidates, no media direction', offer((lines) => lines.filter((line) => line !== 'a=sendonly'))],
    ['setup:passive', replaced('actpass', 'passive')],
    ['VP8', replaced('H264', 'VP8')],
    ['AV1', replaced('H264', 'AV1')],
    ['no audio', offer((lines) => lines.slice(0, 14))],
    ['line ends without CR', offer().replaceAll('\r', '')],
    ['a data channel beside', `${offer()}m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\n`],
  ])('takes an offer with %s', async (_, sdp) => {
    expect((await post(newName(), sdp)).status).toBe(201);
  });

  it.each([
    [400, 'no SDP', 'hello'],
    [400, 'an empty body', ''],
    [400, 'JSON', '{"type":"offer"}'],
    [400, 'a damaged line', replaced('a=mid:0', 'a=mid:0\0')],
    [422, 'no media', offer((lines) => lines.slice(0, 6))],
    [422, 'a codec that is not taken', replaced('H264', 'H265')],
    [422, 'no fingerprint', replaced(/a=fingerprint.*/, 'a=x')],
    [422, 'no ICE credentials', replaced('a=ice-ufrag:user', 'a=x')],
    [422, 'a direction that sends nothing', replaced('sendonly', 'recvonly')],
    [422, 'two video sections', offer((lines) => [...lines, ...lines.slice(6, 14)])],
    [422, 'two audio sections', offer((lines) => [...lines, ...lines.slice(14)])],
    [422, 'too many candidates', `${offer()}${'a=candidate:1 1 udp 1 1.2.3.4 5 typ host\r\n'.repeat(101)}`],
  ])('answers %i to %s', async (status, _, sdp) => {
    const name = newName();
    const answer = await post(name, sdp);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    expect(await stream(name)).toBeNull();
  });

  it('refuses simulcast with the way out: a publisher whose layers are left out would end at once (OBS), or send the smallest', async () => {
    const layers = (...attributes: string[]) =>
      offer((lines) => [...lines.slice(0, 10), ...attributes, ...lines.slice(10)]);
    const message =
      'The offer sends its video in 3 simulcast layers, of which one would be forwarded: switch simulcast off in the publisher.';
    for (const sdp of [
      layers('a=rid:0 send', 'a=rid:1 send', 'a=rid:2 send', 'a=simulcast:send 0;1;2'),
      layers('a=simulcast:send 0;1,~2'),
      layers('a=ssrc-group:SIM 1 2 3'),
    ]) {
      expect((await post(newName(), sdp)).body).toMatchObject({ status: 422, message });
    }
    expect((await post(newName(), layers('a=rid:0 send', 'a=simulcast:send 0'))).status).toBe(201);
  });

  it('wants SDP, and says so', async () => {
    const answer = await post(newName(), offer(), { 'content-type': 'text/plain' });
    expect([answer.status, answer.headers.get('accept-post')]).toEqual([415, 'application/sdp']);
    expect((await post(newName(), offer(), { 'content-type': 'Application/SDP; charset=utf-8' })).status).toBe(201);
    for (const accept of ['*/*', 'application/sdp', 'application/*;q=0.5'])
      expect((await post(newName(), offer(), { accept })).status).toBe(201);
    expect((await post(newName(), offer(), { accept: 'application/json' })).status).toBe(406);
  });

  it('wants a token of this entry point and name', async () => {
    const refused = async (authorization: string | undefined) => {
      const headers: Record<string, string> = {
        'content-type': 'application/sdp',
        ...(authorization === undefined ? {} : { authorization }),
      };
      return api.anonymous('POST', endpoint('guarded'), offer(), headers);
    };
    for (const authorization of [
      undefined,
      'Bearer undefined',
      'Bearer null',
      'Basic abc',
      'Bearer x.y.z',
      `Bearer ${token.slice(0, -2)}xx`,
    ]) {
      const answer = await refused(authorization);
      expect(answer.status).toBe(401);
      expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer realm="manycast"/);
    }
    expect((await refused(`Bearer ${await newToken({ streamName: 'other' })}`)).status).toBe(403);
    expect((await refused(`Bearer ${await newToken({ streamName: 'guarded' })}`)).status).toBe(201);
    const bob = await api.customer();
    const bobs = (await bob.call('POST', `/v1/projects/${bob.appid}/fls/entry_points/live/publish_tokens`, {}))
      .body as { token: string };
    expect((await refused(`Bearer ${bobs.token}`)).status).toBe(401);
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${token.split('.')[1]}.`;
    expect((await refused(`Bearer ${unsigned}`)).status).toBe(401);
  });

  it('answers 404 for an entry point that does not exist and 400 for a name that cannot', async () => {
    const headers = { 'content-type': 'application/sdp', authorization: `Bearer ${token}` };
    expect((await api.anonymous('POST', `/whip/${alice.appid}/nope/s`, offer(), headers)).status).toBe(404);
    // To others it is as if the whole project did not exist, or as if all of it did.
    const bob = await api.customer();
    const bobs = (await bob.call('POST', `/v1/projects/${bob.appid}/fls/entry_points/live/publish_tokens`, {}))
      .body as { token: string };
    for (const path of [`${alice.appid}/live`, `${alice.appid}/nope`, `${'0'.repeat(32)}/live`]) {
      const answer = await api.anonymous('POST', `/whip/${path}/s`, offer(), {
        ...headers,
        authorization: `Bearer ${bobs.token}`,
      });
      expect([answer.status, (answer.body as { message: string }).message]).toEqual([
        401,
        'The publish token is not valid for this project.',
      ]);
    }
    expect((await api.anonymous('POST', endpoint('-x'), offer(), headers)).status).toBe(400);
    expect((await api.anonymous('POST', endpoint('a%2Fb'), offer(), headers)).status).toBe(400);
  });
});

describe('without a worker that answers', () => {
  const queue = async () => {
    const { REDIS_URL, REDIS_PREFIX } = process.env as { REDIS_URL: string; REDIS_PREFIX: string };
    const opened = new Queue(STREAMS_QUEUE, { connection: { url: REDIS_URL }, prefix: `${REDIS_PREFIX}:bull` });
    const counts = await opened.getJobCounts('waiting', 'delayed', 'prioritized');
    await opened.close();
    return Object.values(counts).reduce((sum, count) => sum + count, 0);
  };

  it('a stream that a worker took and never answered is 504, and ended', async () => {
    node.script = 'silence';
    const name = newName();
    const answer = await post(name);
    expect(answer.status).toBe(504);
    expect(await stream(name)).toMatchObject({ state: 'ended', reason: 'no_answer', sessions: [{ offer: null }] });
    await expect.poll(() => node.requests.map(([op]) => op)).toEqual(['endStream']);
    expect(await queue()).toBe(0);
    // The name is free at once.
    node.script = 'answer';
    expect((await post(name)).status).toBe(201);
  });

  it('an offer that cannot be negotiated is 422 with the reason', async () => {
    node.script = { refuse: 'negotiation_failed', message: 'The offer is odd.' };
    const name = newName();
    expect((await post(name)).body).toMatchObject({
      status: 422,
      message: 'The offer is odd.',
      code: 'negotiation_failed',
    });
    expect(await stream(name)).toMatchObject({ state: 'ended', reason: 'negotiation_failed' });
  });

  it('a fault of the worker is 500 without its words', async () => {
    node.script = { refuse: 'internal', message: 'secret path /x' };
    const answer = await post(newName());
    expect(answer.status).toBe(500);
    expect(answer.text).not.toContain('secret');
    expect((await alice.call('GET', `/v1/projects/${alice.appid}/fls/streams?limit=1`)).body).toMatchObject({
      streams: [{ reason: { code: 'service_error', blame: 'service' } }],
    });
  });

  it('a publisher that hangs up leaves nothing behind', async () => {
    node.script = 'silence';
    const name = newName();
    const abort = new AbortController();
    const posted = fetch(api.url + endpoint(name), {
      method: 'POST',
      body: offer(),
      signal: abort.signal,
      headers: { 'content-type': 'application/sdp', authorization: `Bearer ${token}` },
    });
    await expect.poll(async () => (await stream(name))?.ownerNode).toBe('node-1');
    abort.abort();
    await expect(posted).rejects.toThrow('aborted');
    await expect.poll(async () => (await stream(name))?.reason).toBe('publisher_left');
  });

  it('no free slot is 503 with Retry-After, at once and without a trace', async () => {
    await node.stop();
    // That it had room is remembered for a moment.
    await expect.poll(() => api.app.get(Dispatcher).hasFreeSlot()).toBe(false);
    const name = newName();
    const answer = await post(name);
    expect(answer.status).toBe(503);
    expect(answer.body).toMatchObject({ code: 'no_free_slot' });
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await stream(name)).toBeNull();
    expect(await queue()).toBe(0);
    await startNode();
  });

  it('slots that turn out to be taken are 503, and the stream is ended', async () => {
    await node.stop();
    // Announced, but nobody takes jobs.
    const { Registry } = await import('../libs/queue/src/index.js');
    await api.app
      .get(Registry)
      .announce({ nodeId: 'ghost', slots: 5, used: 0, draining: false, cpu: 0, version: 'x', startedAt: '' });
    const name = newName();
    expect((await post(name)).status).toBe(503);
    expect(await stream(name)).toMatchObject({ state: 'ended', reason: 'no_free_slot' });
    expect(await queue()).toBe(0);
    await api.app.get(Registry).withdraw('ghost');
    await startNode();
  });
});

describe('other methods', () => {
  it('answer preflights without a token', async () => {
    const preflight = await api.anonymous('OPTIONS', endpoint('s'), undefined, {
      origin: 'https://page.example',
      'access-control-request-method': 'POST',
    });
    expect(preflight.status).toBe(200);
    expect(preflight.headers.get('access-control-allow-methods')).toMatch(/POST.*PATCH.*DELETE/);
    expect(preflight.headers.get('access-control-allow-headers')).toMatch(/Authorization.*If-Match/);
    // A page can read what it is told.
    for (const name of ['Link', 'Retry-After', 'Accept-Post', 'Location', 'ETag'])
      expect(preflight.headers.get('access-control-expose-headers')?.split(', ')).toContain(name);
    expect((await api.anonymous('OPTIONS', endpoint('s'))).headers.get('accept-post')).toBe('application/sdp');
    expect((await api.anonymous('OPTIONS', '/whip/sessions/x')).headers.get('accept-patch')).toBe(
      'application/trickle-ice-sdpfrag',
    );
  });

  it('tell ICE servers to who asks for them, and not to every preflight', async () => {
    const preflight = await api.anonymous('OPTIONS', endpoint('s'), undefined, {
      origin: 'https://page.example',
      'access-control-request-method': 'POST',
    });
    expect(preflight.headers.get('link')).toBeNull();
    expect((await api.anonymous('OPTIONS', endpoint('s'))).headers.get('link')).toBe(
      '<stun:stun.example:3478>; rel="ice-server"',
    );
  });

  it('are refused with what is allowed', async () => {
    expect((await api.anonymous('GET', endpoint('s'))).status).toBe(204);
    const put = await api.anonymous('PUT', endpoint('s'));
    expect([put.status, put.headers.get('allow')]).toEqual([405, 'GET, POST, DELETE, OPTIONS']);
    expect((await api.anonymous('POST', '/whip/sessions/x')).status).toBe(405);
  });
});
