// Publishers that arrive as fast as they are answered, each with a callback to its customer's server.
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { percentile } from './measure.ts';
import { query } from './query.ts';

const SECONDS = 6;
export const ARRIVALS_AT_ONCE = 16;

/** Where they arrive. */
interface Target {
  databaseUrl: string;
  settings: string;
  authorization: string;
  port: number;
  appid: string;
  publishToken: string;
  callback: CallbackServer;
}
export type CallbackServer = Awaited<ReturnType<typeof startCallback>>;

/** Publishers come as fast as they are answered; each has a stream name of its own, which says when it was sent. */
export async function arrivals(target: Target, delayMs: number) {
  const { databaseUrl, settings, authorization, port, appid, publishToken, callback } = target;
  callback.begin(delayMs);
  await fetch(settings, {
    method: 'PATCH',
    headers: { authorization },
    body: JSON.stringify({ enabled: true, callbackUrl: callback.url }),
  });
  const until = performance.now() + SECONDS * 1000;
  let count = 0;
  const publishOn = async (lane: number) => {
    for (let i = 0; performance.now() < until; i += 1) {
      const response = await fetch(`http://127.0.0.1:${port}/whip/${appid}/live/b-${Date.now()}-${lane}-${i}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${publishToken}`, 'content-type': 'application/sdp' },
        body: OFFER,
      });
      if (response.status !== 201)
        throw new Error(`a publisher was answered ${response.status}: ${await response.text()}`);
      await response.text();
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: ARRIVALS_AT_ONCE }, (_, lane) => publishOn(lane)));
  // Every callback follows, however long its server takes.
  for (const deadline = performance.now() + 60_000; callback.answered() < count && performance.now() < deadline;)
    await sleep(100);
  const taken = await query<{ ms: string }>(
    databaseUrl,
    "SELECT data->>'ms' AS ms FROM events WHERE type = 'bench.taken'",
  );
  await query(
    databaseUrl,
    "DELETE FROM events; UPDATE streams SET state = 'ended', ended_at = now() WHERE state <> 'ended'",
  );
  return {
    count,
    rate: count / SECONDS,
    takenP99: percentile(
      taken.map(({ ms }) => Number(ms)),
      0.99,
    ),
    calledBack: callback.answered() / count,
  };
}

/** A customer's server, which answers after a while. */
export async function startCallback(port: number) {
  let delay = 0;
  let count = 0;
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      setTimeout(() => {
        response.end('{"transferUrls":["rtmp://127.0.0.1:1/live/key"]}');
        count += 1;
      }, delay);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', () => resolve()));
  return {
    url: `http://127.0.0.1:${port}/`,
    begin: (ms: number) => {
      delay = ms;
      count = 0;
    },
    answered: () => count,
    stop: () => new Promise<void>((resolve) => server.close(() => resolve()).closeAllConnections()),
  };
}

const OFFER = `${['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 't=0 0', `a=fingerprint:sha-256 ${'AB:'.repeat(31)}AB`, 'm=video 9 UDP/TLS/RTP/SAVPF 96', 'c=IN IP4 0.0.0.0', 'a=mid:0', 'a=sendonly', 'a=setup:actpass', 'a=ice-ufrag:user', 'a=ice-pwd:passwordpasswordpassword', 'a=rtpmap:96 H264/90000'].join('\r\n')}\r\n`;
