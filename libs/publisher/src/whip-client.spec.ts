import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { WhipClient, type WhipError } from './whip-client.js';

interface Seen {
  line: string;
  headers: IncomingMessage['headers'];
  body: string;
}

type Answer = (response: ServerResponse, seen: Seen) => void;

const closers: (() => void)[] = [];

afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A WHIP server of few words: answers by method, remembers what it was asked. */
async function startServer(answers: Record<string, Answer>): Promise<{ url: string; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      const now = { line: `${request.method} ${request.url}`, headers: request.headers, body };
      seen.push(now);
      (answers[request.method ?? ''] ?? ((reply) => reply.writeHead(405).end()))(response, now);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/whip/app/live/s?x=1`, seen };
}

const created: Answer = (response) =>
  response
    .writeHead(201, {
      'Content-Type': 'application/sdp',
      Location: '/whip/sessions/1',
      ETag: '"one"',
      Link: ['<stun:a.example>; rel="ice-server"', '<stun:b.example>; rel="ice-server"'],
    })
    .end('v=0\r\n');

const refused = async (work: Promise<unknown>): Promise<WhipError> =>
  work.then(
    () => Promise.reject(new Error('was not refused')),
    (error: WhipError) => error,
  );

describe('WhipClient', () => {
  it('offers, trickles, restarts ICE and ends, with the tags of the moment', async () => {
    const { url, seen } = await startServer({
      POST: created,
      PATCH: (response, { headers }) =>
        headers['if-match'] === '*'
          ? response.writeHead(200, { ETag: '"two"' }).end('a=ice-ufrag:x\r\n')
          : response.writeHead(204).end(),
      DELETE: (response) => response.end(),
    });
    const client = new WhipClient(url, 'secret');
    expect(await client.offer('v=0 offer')).toEqual({
      sdp: 'v=0\r\n',
      iceServers: [{ urls: 'stun:a.example' }, { urls: 'stun:b.example' }],
    });
    // Not awaited: they must not overtake each other.
    const [, fragment] = await Promise.all([
      client.trickle('first'),
      client.restart('again'),
      client.trickle('second'),
    ]);
    expect(fragment).toBe('a=ice-ufrag:x\r\n');
    await client.end();
    await client.end();
    expect(seen.map(({ line, headers, body }) => [line, headers['if-match'], body])).toEqual([
      ['POST /whip/app/live/s?x=1', undefined, 'v=0 offer'],
      ['PATCH /whip/sessions/1', '"one"', 'first'],
      ['PATCH /whip/sessions/1', '*', 'again'],
      ['PATCH /whip/sessions/1', '"two"', 'second'],
      ['DELETE /whip/sessions/1', undefined, ''],
    ]);
    expect(seen.every(({ headers }) => headers.authorization === 'Bearer secret')).toBe(true);
    expect([seen[0]?.headers['content-type'], seen[1]?.headers['content-type']]).toEqual([
      'application/sdp',
      'application/trickle-ice-sdpfrag',
    ]);
  });

  it('asks for a token at every offer', async () => {
    const { url, seen } = await startServer({ POST: created });
    let count = 0;
    const token = async (): Promise<string> => `t${(count += 1)}`;
    await new WhipClient(url, token).offer('v=0');
    await new WhipClient(url, token).offer('v=0');
    await new WhipClient(url).offer('v=0');
    expect(seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer t1', 'Bearer t2', undefined]);
  });

  it('follows the way that a 307 shows, with the session there', async () => {
    const other = await startServer({ POST: created, DELETE: (response) => response.end() });
    const { url } = await startServer({ POST: (response) => response.writeHead(307, { Location: other.url }).end() });
    const client = new WhipClient(url, 'secret');
    await client.offer('v=0');
    await client.end();
    expect(other.seen.map(({ line }) => line)).toEqual(['POST /whip/app/live/s?x=1', 'DELETE /whip/sessions/1']);
  });

  it.each([
    [
      503,
      { 'Retry-After': '5' },
      { message: 'No room.', code: 'no_free_slot' },
      { message: 'No room.', code: 'no_free_slot', retryAfterMs: 5000, temporary: true },
    ],
    [
      401,
      {},
      { title: 'The token has expired.' },
      { message: 'The token has expired.', retryAfterMs: undefined, temporary: false },
    ],
    [409, { 'Retry-After': '1' }, { message: 'Another publisher.' }, { temporary: true }],
    [410, {}, { message: 'The stream was ended over the API.' }, { status: 410, temporary: false }],
    [501, {}, {}, { message: 'The server answered 501 Not Implemented', temporary: false }],
    [500, {}, 'not an object', { message: 'The server answered 500 Internal Server Error', temporary: true }],
  ])('tells why the server refused: %i %j', async (status, headers, problem, error) => {
    const { url } = await startServer({
      POST: (response) =>
        response
          .writeHead(status, { ...headers, 'Content-Type': 'application/problem+json' })
          .end(JSON.stringify(problem)),
    });
    expect(await refused(new WhipClient(url).offer('v=0'))).toMatchObject(error);
  });

  it('does not take any page for an answer', async () => {
    const { url } = await startServer({
      POST: (response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('<html>'),
    });
    expect((await refused(new WhipClient(url).offer('v=0'))).message).toMatch(/no WHIP endpoint/);
  });

  it('tells a server that is not there from one that refuses', async () => {
    expect(await refused(new WhipClient('http://127.0.0.1:9/').offer('v=0'))).toMatchObject({
      status: 0,
      temporary: true,
      message: 'The server cannot be reached.',
    });
  });

  it('gives an offer up when it is no longer wanted', async () => {
    const { url, seen } = await startServer({ POST: () => undefined });
    const controller = new AbortController();
    const offering = refused(new WhipClient(url).offer('v=0', controller.signal));
    await expect.poll(() => seen.length).toBe(1);
    controller.abort();
    expect((await offering).name).toBe('AbortError');
  });

  it('is content with a session that is gone already, and knows one that never was', async () => {
    const { url } = await startServer({ POST: created, DELETE: (response) => response.writeHead(404).end() });
    const client = new WhipClient(url);
    await client.end();
    expect((await refused(client.trickle('x'))).status).toBe(404);
    await client.offer('v=0');
    await client.end();
  });
});
