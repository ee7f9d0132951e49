// Publishers that arrive, each with a callback to its customer's server: as fast as they are answered, or by the clock.
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { percentile } from './measure.ts';
import { query } from './query.ts';

const SECONDS = 6;
export const ARRIVALS_AT_ONCE = 16;
export const PER_SECOND = 100;
const BY_CLOCK_SECONDS = 20;
/** From the answer until the publisher leaves: some hundred streams run at any time. */
const STAY_MS = 3000;
/** `fetch` would take more of the machine than what is measured. */
const agent = new Agent();
/** However long a customer's server takes. Of streams that have ended it is not asked any more. */
const AFTERWARDS_MS = 60_000;
const ENDED_MS = 5000;

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

/** How long it took from a publisher's POST, ms. */
export interface Waits {
  answer: number[];
  /** To the node that took the stream. */
  taken: number[];
  /** To the customer's server that was asked. */
  asked: number[];
}

/** Publishers come as fast as they are answered; each has a stream name of its own, which says when it was sent. */
export async function arrivals(target: Target, delayMs: number) {
  await begin(target, delayMs);
  const waits: Waits = { answer: [], taken: [], asked: [] };
  const until = performance.now() + SECONDS * 1000;
  const publishOn = async (lane: number) => {
    for (let i = 0; performance.now() < until; i += 1) await publish(target, `${lane}-${i}`, waits);
  };
  await Promise.all(Array.from({ length: ARRIVALS_AT_ONCE }, (_, lane) => publishOn(lane)));
  const count = waits.answer.length;
  const { callback } = target;
  await reached(() => callback.asked.length >= count);
  await forget(target);
  return {
    count,
    rate: count / SECONDS,
    takenP99: percentile(waits.taken, 0.99),
    calledBack: callback.asked.length / count,
  };
}

/** Publishers come by the clock, PER_SECOND, however long answers take, and leave after a while. */
export async function arrivalsByClock(target: Target) {
  await begin(target, 1);
  const waits: Waits = { answer: [], taken: [], asked: [] };
  const count = PER_SECOND * BY_CLOCK_SECONDS;
  const [began, beganAt] = [performance.now(), Date.now()];
  const comeAndGo = async (i: number): Promise<void> => {
    const location = await publish(target, `clock-${i}`, waits).catch(() => undefined);
    // On a machine that cannot carry it.
    if (location === undefined) return;
    await sleep(STAY_MS);
    const left = await request(`http://127.0.0.1:${target.port}${location}`, { method: 'DELETE', dispatcher: agent });
    const text = await left.body.text();
    if (left.statusCode !== 200) throw new Error(`a publisher that left was answered ${left.statusCode}: ${text}`);
  };
  const all: Promise<void>[] = [];
  for (let i = 0; i < count; i += 1) {
    const wait = began + (i * 1000) / PER_SECOND - performance.now();
    if (wait > 0) await sleep(wait);
    const one = comeAndGo(i);
    // It is waited for at the end.
    one.catch(() => undefined);
    all.push(one);
  }
  await Promise.all(all);
  const { callback, databaseUrl } = target;
  const ended = async (): Promise<number> => {
    const [row] = await query<{ count: number }>(
      databaseUrl,
      `SELECT count(*)::int FROM streams WHERE state = 'ended' AND created_at > to_timestamp(${beganAt / 1000}) AND name LIKE 'b-%-clock-%'`,
    );
    return row?.count ?? 0;
  };
  const answered = waits.answer.length;
  await reached(async () => callback.asked.length >= answered && (await ended()) >= answered, ENDED_MS);
  const result = { count, ended: await ended(), waits: { ...waits, asked: [...callback.asked] } };
  await forget(target);
  return result;
}

/** The row of a table. `cpu`: CPU time of each group of processes, ms. */
export function summary(
  { count, ended, waits }: Awaited<ReturnType<typeof arrivalsByClock>>,
  cpu: Record<string, number>,
): string {
  const of = (values: number[]): string => [0.5, 0.99].map((p) => percentile(values, p).toFixed(0)).join(' / ');
  const each = Object.entries(cpu).map(([group, ms]) => `${group} ${(ms / count).toFixed(1)}`);
  return (
    `p50 / p99 from POST to job taken ${of(waits.taken)} ms, to answer ${of(waits.answer)} ms, to callback ${of(waits.asked)} ms; ` +
    `${((100 * waits.answer.length) / count).toFixed(1)} % answered, ${((100 * waits.asked.length) / count).toFixed(1)} % called back, ${((100 * ended) / count).toFixed(1)} % ended; CPU ms each: ${each.join(', ')}`
  );
}

async function begin({ settings, authorization, callback }: Target, delayMs: number): Promise<void> {
  callback.begin(delayMs);
  await fetch(settings, {
    method: 'PATCH',
    headers: { authorization },
    body: JSON.stringify({ enabled: true, callbackUrl: callback.url }),
  });
}

/** The path of the session. */
async function publish({ port, appid, publishToken }: Target, name: string, waits: Waits): Promise<string> {
  const sentAt = Date.now();
  const { statusCode, headers, body } = await request(
    `http://127.0.0.1:${port}/whip/${appid}/live/b-${sentAt}-${name}`,
    {
      method: 'POST',
      dispatcher: agent,
      headers: { authorization: `Bearer ${publishToken}`, 'content-type': 'application/sdp' },
      body: OFFER,
    },
  );
  const text = await body.text();
  if (statusCode !== 201) throw new Error(`a publisher was answered ${statusCode}: ${text}`);
  waits.answer.push(Date.now() - sentAt);
  // The stand-in of a node says in its answer when it took the stream.
  waits.taken.push(Number(/^s=(\d+)/m.exec(text)?.[1]) - sentAt);
  return String(headers.location);
}

async function reached(condition: () => boolean | Promise<boolean>, withinMs = AFTERWARDS_MS): Promise<void> {
  for (const deadline = performance.now() + withinMs; performance.now() < deadline; await sleep(100))
    if (await condition()) return;
}

/** Leaves the database as it was, but for the streams, which have ended. */
async function forget({ databaseUrl }: Target): Promise<void> {
  await query(
    databaseUrl,
    "DELETE FROM events; UPDATE streams SET state = 'ended', ended_at = now() WHERE state <> 'ended'",
  );
}

/** A customer's server, which answers after a while. */
export async function startCallback(port: number) {
  let delay = 0;
  const asked: number[] = [];
  const server = createServer((request, response) => {
    const askedAt = Date.now();
    request.resume().on('end', () => {
      setTimeout(() => {
        response.end('{"transferUrls":["rtmp://127.0.0.1:1/live/key"]}');
        asked.push(askedAt - Number(/\bb-(\d+)-/.exec(request.url ?? '')?.[1]));
      }, delay);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', () => resolve()));
  return {
    url: `http://127.0.0.1:${port}/`,
    begin: (ms: number) => {
      delay = ms;
      asked.length = 0;
    },
    /** Of each callback that was answered: how long after the publisher's POST it came, ms. */
    asked,
    stop: () => new Promise<void>((resolve) => server.close(() => resolve()).closeAllConnections()),
  };
}

const OFFER = `${['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 't=0 0', `a=fingerprint:sha-256 ${'AB:'.repeat(31)}AB`, 'm=video 9 UDP/TLS/RTP/SAVPF 96', 'c=IN IP4 0.0.0.0', 'a=mid:0', 'a=sendonly', 'a=setup:actpass', 'a=ice-ufrag:user', 'a=ice-pwd:passwordpasswordpassword', 'a=rtpmap:96 H264/90000'].join('\r\n')}\r\n`;
