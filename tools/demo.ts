// npm run demo: the main job end to end, with or without a running `npm start`. Publishes a generated clip over WHIP, plays
// the customer's server and two platforms, and checks with ffprobe what arrived. Exit code 0 when all of it worked.
import { existsSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Demo, demoApi, type StreamState, startCallbackServer, type TransferState } from './lib/demo-customer.ts';
import { messageOf } from './lib/errors.ts';
import { probe, steps } from './lib/ffprobe.ts';
import { lockHolder } from './lib/lock.ts';
import { loadDotEnv, runMain } from './lib/main.ts';
import { STATE_DIR } from './lib/paths.ts';
import { freePort } from './lib/ports.ts';
import { startRtmpServer } from './lib/rtmp-server.ts';
import { setUp } from './lib/setup.ts';
import { createStack, DEMO_FILE } from './lib/stack.ts';
import { StepError } from './lib/step.ts';
import { colour, say, since } from './lib/terminal.ts';

const ENTRY_POINT = 'demo';
const PLATFORMS = ['alpha', 'beta'];
const LIVE_MS = 20_000;
const WATCH_S = 4;

const stops: (() => unknown)[] = [];
const deferred = <T extends { stop: () => unknown }>(what: T): T => (stops.push(() => what.stop()), what);
let started = performance.now();
const step = (text: string) =>
  say(`${colour('dim', `${((performance.now() - started) / 1000).toFixed(2).padStart(6)} s`)}  ${text}`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    stopAll()
      .catch((error) => console.error(error))
      .finally(() => process.exit(130));
  });
}
await runMain(async () => {
  loadDotEnv();
  await setUp();
  try {
    await demo(await runningSystem());
  } finally {
    await stopAll();
  }
});
// GStreamer's threads and idle HTTP connections need not be waited for.
process.exit();

async function stopAll(): Promise<void> {
  for (let next = stops.pop(); next; next = stops.pop()) await next();
}

/** What `.manycast/demo.json` says of a running `npm start`, or of a system of our own that ends with us. */
async function runningSystem(): Promise<Demo> {
  if (lockHolder('start') !== undefined && existsSync(DEMO_FILE)) {
    const demo = JSON.parse(readFileSync(DEMO_FILE, 'utf8')) as Demo;
    say(`Using the running system at ${demo.apiUrl} (npm start, pid ${lockHolder('start')}).`);
    return demo;
  }
  const logFile = join(STATE_DIR, 'logs/demo.log');
  mkdirSync(join(STATE_DIR, 'logs'), { recursive: true });
  const log = openSync(logFile, 'w', 0o600);
  const print = (line: string) => writeSync(log, `${line}\n`);
  say(`npm start is not running: starting a system for this demo (its log: ${logFile}).`);
  process.env.PORT = String(await freePort());
  process.env.RTMP_PORT = String(await freePort());
  delete process.env.PUBLIC_URL;
  const stack = deferred(createStack({ print, note: print }));
  return (await stack.start()).demo;
}

async function demo(system: Demo): Promise<void> {
  const { publishTestStream } = await import('./lib/whip-publisher.ts');
  const api = demoApi(system, ENTRY_POINT);
  const platforms: { name: string; url: string }[] = [];
  for (const name of PLATFORMS) {
    const { url } = deferred(await startRtmpServer({ dir: join(STATE_DIR, `demo-${name}`), record: true }));
    platforms.push({ name, url });
  }
  const streamName = `demo-${Date.now().toString(36)}`;
  const urls = platforms.map(({ url, name }) => `${url}/${name}-${streamName}`);
  const customer = deferred(await startCallbackServer(() => urls));
  started = performance.now();
  say();
  step(
    `customer's server listens at ${customer.url}, two platforms at ${platforms.map(({ url }) => url).join(' and ')}`,
  );

  await api.ensureEntryPoint();
  await api.patchSettings({ enabled: true, callbackUrl: customer.url });
  step(`PATCH settings/transfer {"enabled": true, "callbackUrl": "${customer.url}"}`);
  const { token, whipUrl } = await api.publishToken(streamName);

  const published = performance.now();
  const publisher = await publishTestStream({ url: whipUrl, token, width: 1280, height: 720, kbps: 2500 });
  let publishing = true;
  stops.push(async () => publishing && publisher.close());
  step(`published over WHIP: 201 and connected after ${Math.round(performance.now() - published)} ms`);

  const stream = await watch(api, customer, streamName, published);
  const verdicts = await Promise.all(platforms.map((platform, i) => verdict(platform.name, String(urls[i]))));
  say();
  for (const { text } of verdicts) step(text);
  step(figures(await api.stream(stream.id), await api.transfers(stream.id)));

  const status = await publisher.stop();
  publishing = false;
  step(`publisher left: DELETE ${status}`);
  await until(5000, async () => (await api.stream(stream.id)).state === 'ended', 'the stream to end');
  const ended = await api.stream(stream.id);
  step(`stream ${colour('bold', ended.state)} (${ended.reason?.text ?? 'no reason'})`);
  say();
  if (!verdicts.every(({ ok }) => ok)) throw new StepError('What arrived is not as it should be; see above.');
  say(
    `${colour('green', '✓')} ${colour('bold', 'It works:')} one live stream in, ${platforms.length} platforms out (${since(started)}).`,
  );
}

/** Shows every change of state until all transfers are live; returns the stream. */
async function watch(
  api: ReturnType<typeof demoApi>,
  customer: { requests: string[] },
  streamName: string,
  published: number,
): Promise<StreamState> {
  const seen = new Map<string, string>();
  const show = (key: string, state: string, text: string) => {
    if (seen.get(key) === state) return;
    seen.set(key, state);
    step(text);
  };
  let stream: StreamState | undefined;
  await until(
    LIVE_MS,
    async () => {
      stream ??= (await api.streams()).find(({ name }) => name === streamName);
      if (!stream) return false;
      const { state, callback } = await api.stream(stream.id);
      const transfers = await api.transfers(stream.id);
      if (customer.requests.length > 0) show('callback', 'asked', `callback: ${customer.requests[0]}`);
      show('stream', state, `stream ${colour('bold', state)}`);
      show(
        'answer',
        callback.state,
        `callback ${colour('bold', callback.state)}${callback.reason ? `: ${callback.reason.text}` : ''}`,
      );
      for (const { id, url, state: now, reason } of transfers) {
        show(id, now, `transfer ${url} ${colour('bold', now)}${reason ? `: ${reason.text}` : ''}`);
      }
      return transfers.length === PLATFORMS.length && transfers.every((transfer) => transfer.state === 'live');
    },
    'every transfer to be live',
  );
  step(`every transfer live ${Math.round(performance.now() - published)} ms after the first request`);
  if (!stream) throw new StepError('The stream is gone.');
  return stream;
}

/** Plays what a platform has and judges it. */
async function verdict(name: string, url: string): Promise<{ ok: boolean; text: string }> {
  try {
    const { streams, video, audio } = await probe(url, { seconds: WATCH_S });
    const picture = streams.find((stream) => stream.codec_type === 'video');
    const sound = streams.find((stream) => stream.codec_type === 'audio');
    const problems = [];
    if (picture?.codec_name !== 'h264') problems.push('no H.264 video');
    if (sound?.codec_name !== 'aac') problems.push('no AAC audio');
    if (!video[0]?.isKey) problems.push('does not begin with a key frame');
    if (steps(video).smallest < 0 || steps(audio).smallest < 0) problems.push('timestamps go back');
    if (steps(video).largest > 250 || steps(audio).largest > 250)
      problems.push(`a gap of ${Math.max(steps(video).largest, steps(audio).largest)} ms`);
    const what = `${picture?.codec_name} ${picture?.width}x${picture?.height} + ${sound?.codec_name} ${sound?.sample_rate} Hz`;
    const found = `${what}, ${video.length} frames, ${audio.length} audio frames, largest step ${steps(video).largest} ms`;
    const ok = problems.length === 0;
    return { ok, text: `${mark(ok)} ffprobe at ${name}: ${found}${ok ? '' : ` - ${problems.join(', ')}`}` };
  } catch (error) {
    return { ok: false, text: `${mark(false)} ffprobe at ${name}: ${messageOf(error)}` };
  }
}

function mark(ok: boolean): string {
  return ok ? colour('green', '✓') : colour('red', '✗');
}

function figures(stream: StreamState, transfers: TransferState[]): string {
  const mbit = (bits: number) => `${(bits / 1e6).toFixed(2)} Mbit/s`;
  const out = transfers.map(({ figures: f }) =>
    f ? `${mbit(f.bitrate)}, ${f.fps} fps, ${f.droppedFrames} dropped` : 'no figures',
  );
  const input = stream.figures;
  return `figures: in ${input ? `${mbit(input.bitrate)}, ${input.fps} fps` : 'none'}; out ${out.join(' | ')}`;
}

async function until(ms: number, condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const deadline = performance.now() + ms; performance.now() < deadline; await sleep(50))
    if (await condition()) return;
  throw new StepError(`Waited ${ms / 1000} s for ${what}, in vain.`);
}
