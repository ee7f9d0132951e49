// Offers as nobody should make them, before real pipelines: what the judge of offers lets pass is answered, and nothing else is asked of a node.
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { publishTestStream, type TestPublisher } from '../../tools/lib/whip-publisher.ts';
import { readOffer, SdpError } from '../../libs/sdp/src/index.js';
import { requireDocumented } from '../support/contract.js';
import { missingPictures, pictures } from '../support/ffprobe.js';
import { oddFragments, oddOffers } from '../support/odd-sdp.js';
import { startRtmpServer, type TestRtmpServer } from '../support/rtmp-server.js';
import { wholeOffer } from '../support/sdp.js';
import { System } from '../support/system.js';

const SEED = 20_261_125;
const RUNS = 300;
/** Bytes that the API takes. */
const MAX_BODY = 65_536;
let system: System;
let platform: TestRtmpServer;
let publishers: TestPublisher[] = [];

function verdict(sdp: string): number {
  try {
    readOffer(sdp);
    return 201;
  } catch (error) {
    if (!(error instanceof SdpError)) throw error;
    return error.kind === 'damaged' ? 400 : 422;
  }
}

beforeAll(async () => {
  platform = await startRtmpServer({ record: true });
  system = await System.shared();
});
afterAll(async () => {
  await Promise.all(publishers.map((publisher) => publisher.close()));
  await system?.stop();
  await platform?.stop();
});

it('are answered or refused, and cost the stream beside them and the next one nothing', async () => {
  const { whipUrl, token } = await system.entryPoint('odd');
  const forwarded = async (name: string) => {
    const publisher = await publishTestStream({
      url: whipUrl(name),
      token,
      localAddress: '127.0.0.1',
      width: 320,
      height: 180,
      kbps: 200,
      remember: true,
    });
    publishers.push(publisher);
    const { id } = await system.stream(name);
    const transfer = await system.addTransfer(id, { url: `${platform.url}/${name}` });
    await system.transferReaches(id, transfer.id, 'live');
    return publisher;
  };
  const running = await forwarded('running');

  const statuses: number[] = [];
  const ask = async (method: string, path: string, body?: Buffer, type = 'application/sdp'): Promise<Response> => {
    const response = await fetch(system.apiUrl + path, {
      method,
      body: body as RequestInit['body'],
      headers: { authorization: `Bearer ${token}`, 'content-type': type },
    });
    const text = await response.text();
    const { status, headers } = response;
    requireDocumented({ method, path, status, contentType: headers.get('content-type'), headers, text });
    // What cannot be negotiated is the offer's fault, and said at once.
    if (status >= 500) throw new Error(`${method} -> ${status}: ${text}\n${body?.toString()}`);
    statuses.push(status);
    return response;
  };
  const odd = fc.tuple(oddOffers(wholeOffer()), oddFragments);
  expect((await ask('POST', new URL(whipUrl('odd')).pathname, Buffer.from(wholeOffer()))).status).toBe(201);
  await fc.assert(
    fc.asyncProperty(odd, async ([sdp, fragment]) => {
      const answer = await ask('POST', new URL(whipUrl('odd')).pathname, sdp);
      if (sdp.length <= MAX_BODY) expect(answer.status, sdp.toString()).toBe(verdict(sdp.toString()));
      if (answer.status !== 201) return;
      const session = answer.headers.get('location') as string;
      await ask('PATCH', session, fragment, 'application/trickle-ice-sdpfrag');
      expect((await ask('DELETE', session)).status).toBe(200);
    }),
    { numRuns: RUNS, seed: SEED },
  );
  const count = (wanted: number) => statuses.filter((status) => status === wanted).length;
  expect(count(201), `of ${statuses.join(' ')}`).toBeGreaterThan(RUNS / 10);

  await forwarded('next');
  await running.stop();
  const sent = running.sent();
  await expect.poll(async () => (await platform.publishers()).map(({ name }) => name)).toEqual(['next']);
  const file = (await platform.recordings()).find((path) => path.includes('/running')) as string;
  expect(missingPictures(sent, await pictures(file))).toEqual([]);
}, 120_000);
