// npm run bench: what a stream and a transfer cost, how fast they begin, what they lose; beside the baselines, in one run.
// `npm run bench -- --quick` measures once instead of three times and leaves the capacity out; `-- --api` is the control plane alone.
import { spawn } from 'node:child_process';
import { mkdirSync, openSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { measureControlPlane } from './bench/control-plane.mjs';
import { sendAtFullSpeed } from './bench/long-connection.mjs';
import { cpuByThread, cpuPercent, median, percentile, pidsOf, pssMb } from './bench/measure.mjs';
import { built } from './lib/built.mjs';
import { demoApi, startCallbackServer } from './lib/demo-customer.mjs';
import { loadDotEnv, runMain } from './lib/main.mjs';
import { ROOT, STATE_DIR } from './lib/paths.mjs';
import { freePort } from './lib/ports.mjs';
import { startRtmpServer } from './lib/rtmp-server.mjs';
import { setUp } from './lib/setup.mjs';
import { createStack } from './lib/stack.mjs';
import { StepError } from './lib/step.mjs';
import { say } from './lib/terminal.mjs';

const quick = process.argv.includes('--quick');
/** Only the control plane. */
const onlyApi = process.argv.includes('--api');
const RUNS = quick ? 1 : 3;
const SECONDS = 8;
const ENTRY_POINT = 'bench';
const PACE_MS = 500;
/** A stream runs for hours: what the first seconds cost besides (its code is compiled, the next warm process starts) is not what it costs. */
const SETTLE_MS = 20_000;
/** Where both cores are full, a process takes longer to start, and the pool to fill up. */
const SLOW_PACE_MS = 1500;
const MANY_STREAMS = 20;
/** The last frames of a run may take so long from the publisher to the platform. */
const ARRIVAL_MS = 3000;
const stops = [];

await runMain(async () => {
  loadDotEnv();
  await setUp({ uses: ['core', 'demo', 'bench'] });
  try {
    if (!onlyApi) await bench();
    say();
    print(['Control plane', '', '']);
    if (onlyApi) say('| --- | --- | --- |');
    await measureControlPlane({ runs: RUNS, print });
  } finally {
    while (stops.length > 0) await stops.pop()();
  }
});
process.exit();

async function bench() {
  const { makeClip, publishLoad } = await import('./bench/load.mjs');
  const { publishTestStream } = await import('./lib/whip-publisher.mjs');
  const system = await startSystem();
  const platform = await startPlatform();
  const api = demoApi(system, ENTRY_POINT);
  await api.ensureEntryPoint();
  // The stream's name says how many transfers it has.
  const customer = await startCallbackServer((name) =>
    Array.from({ length: Number(name.split('-')[1]) }, (_, i) => `rtmp://127.0.0.1:${platform.port}/live/${name}-${i}`),
  );
  stops.push(() => customer.stop());
  await api.patchSettings({ enabled: true, callbackUrl: customer.url });
  const { token } = await api.publishToken();
  const clip = await makeClip();
  let number = 0;

  /** Runs so many streams with so many transfers each, and measures while they run. */
  async function scenario(streams, transfers, { seconds = SECONDS, settleMs = SETTLE_MS, profile = false } = {}) {
    const loads = [];
    try {
      for (let i = 0; i < streams; i += 1) {
        const name = `s${(number += 1)}-${transfers}`;
        const load = await publishLoad(clip, {
          url: `${system.apiUrl}/whip/${system.appid}/${ENTRY_POINT}/${name}`,
          token,
        });
        loads.push({ ...load, load, name });
        // Publishers do not come all in the same second; the pool has the time to fill up again.
        if (streams > 1) await sleep(streams < MANY_STREAMS ? PACE_MS : SLOW_PACE_MS);
      }
      return await measured(loads, transfers, { seconds, settleMs, profile });
    } finally {
      // Also of a scenario that failed: the next one is not to be measured beside it.
      await Promise.all(loads.map(({ stop }) => stop()));
    }
  }

  async function measured(loads, transfers, { seconds, settleMs, profile }) {
    const streams = loads.length;
    const names = loads.flatMap(({ name }) => Array.from({ length: transfers }, (_, i) => `${name}-${i}`));
    let report = {};
    await until(async () => {
      report = await platform.report();
      return names.every((name) => report[name]?.frames > 30);
    });
    await sleep(settleMs);
    // Warm ones too: they cost nothing.
    const pids = pidsOf('pipeline/src/process/main.js');
    const cpu = (await cpuPercent(pids, seconds)) / streams;
    const pss = pssMb(pids) / pids.length;
    if (profile)
      for (const [name, percent] of await cpuByThread(pids, seconds))
        if (percent / streams >= 0.05)
          print([`of which thread \`${name}\``, `${(percent / streams).toFixed(2)} %`, '']);
    for (const { load } of loads) load.pause();
    const unseen = ({ load, name }) =>
      Array.from({ length: transfers }, (_, k) => load.frames - 1 - report[`${name}-${k}`].lastNumber);
    // What is on its way is not lost yet; what has not come by then is.
    await until(async () => {
      report = await platform.report();
      return loads.flatMap(unseen).every((frames) => frames === 0);
    }, ARRIVAL_MS).catch(() => undefined);
    const latencies = names.flatMap((name) => report[name].latencies.slice(60));
    const lost =
      names.reduce((sum, name) => sum + report[name].missing, 0) + loads.flatMap(unseen).reduce((a, b) => a + b, 0);
    const published = loads.map(({ name, wallPosted }) => report[`${name}-0`].publishedAt - wallPosted);
    const worstGap = Math.max(...names.map((name) => report[name].worstGapMs));
    return {
      cpu,
      pss,
      lost,
      worstGap,
      answer: loads.map(({ answerMs }) => answerMs),
      published,
      p50: percentile(latencies, 0.5),
      p95: percentile(latencies, 0.95),
    };
  }

  /** A publisher that makes key frames when it is asked to, as browsers and OBS do; a clip cannot. Milliseconds from POST. */
  async function firstKeyFrame() {
    const name = `s${(number += 1)}-1`;
    const publisher = await publishTestStream({
      url: `${system.apiUrl}/whip/${system.appid}/${ENTRY_POINT}/${name}`,
      token,
      localAddress: '127.0.0.1',
      width: 1280,
      height: 720,
      kbps: 2500,
    });
    let firstAt = 0;
    await until(async () => (firstAt = (await platform.report())[`${name}-0`]?.firstAt ?? 0) > 0);
    await publisher.stop();
    // The pool fills up again.
    await sleep(2 * PACE_MS);
    return firstAt - publisher.postedAt;
  }

  // The first one loads what the others find loaded.
  await scenario(1, 1, { seconds: 2, settleMs: 0 });
  const rounds = [];
  for (let run = 0; run < RUNS; run += 1) {
    rounds.push({
      one: await scenario(1, 1),
      five: await scenario(1, 5),
      ten: await scenario(10, 1),
      begins: await firstKeyFrame(),
      copies: await baselineCopy(platform),
      bare: await baselineGst(platform),
    });
    say(`  run ${run + 1} of ${RUNS} done`);
  }
  const of = (pick) => median(rounds.map(pick));
  const fixed = (value, digits = 1) => value.toFixed(digits);
  const table = [
    ['720p30, 2.5 Mbit/s, Opus to AAC; CPU in % of one core', '', 'target'],
    ['CPU of a stream with 1 transfer (alone)', `${fixed(of(({ one }) => one.cpu))} %`, '< 2.5 %'],
    ['CPU of a stream with 1 transfer (10 streams)', `${fixed(of(({ ten }) => ten.cpu))} %`, '< 2.5 %'],
    [
      'CPU of one more transfer',
      `${fixed(
        of(({ one, five }) => (five.cpu - one.cpu) / 4),
        2,
      )} %`,
      '< 0.2 %',
    ],
    ['Memory of a stream (PSS, 10 streams)', `${fixed(of(({ ten }) => ten.pss))} MB`, '< 25 MB'],
    [
      'WHIP POST to answer (a pipeline was ready)',
      `${fixed(
        of(({ one, five }) => median([...one.answer, ...five.answer])),
        0,
      )} ms`,
      '< 60 ms',
    ],
    [
      'WHIP POST to publish at the platform',
      `${fixed(
        of(({ one, five }) => median([...one.published, ...five.published])),
        0,
      )} ms`,
      '',
    ],
    [
      'WHIP POST to the first key frame there',
      `${fixed(
        of(({ begins }) => begins),
        0,
      )} ms`,
      '< 300 ms',
    ],
    [
      'Latency through the system, p50 / p95',
      `${fixed(
        of(({ one }) => one.p50),
        0,
      )} / ${fixed(
        of(({ one }) => one.p95),
        0,
      )} ms`,
      'p95 < 80 ms',
    ],
    [
      'Baseline: `ffmpeg -c copy`, CPU of one destination',
      `${fixed(
        of(({ copies }) => copies),
        2,
      )} %`,
      '',
    ],
    [
      'Baseline: `gst-launch` of the same graph without WebRTC, 1 destination',
      `${fixed(of(({ bare }) => bare))} %`,
      '',
    ],
  ];
  say();
  for (const [i, row] of table.entries()) {
    print(row);
    if (i === 0) say('| --- | --- | --- |');
  }
  print(await longConnection());
  await scenario(4, 1, { profile: true });
  if (quick) return;
  for (const [streams, transfers] of [
    [10, 5],
    [20, 1],
    [30, 1],
    [40, 1],
  ]) {
    const what = `${streams} streams x ${transfers} transfers, on one node with its publishers and platform`;
    const result = await scenario(streams, transfers, { seconds: 10, settleMs: 0 }).catch((error) => error);
    if (result instanceof Error) print([what, `not reached: ${result.message.slice(0, 80)}`, '0 frames lost']);
    else
      print([
        what,
        `${result.lost} frames lost, largest step ${result.worstGap} ms, ${fixed(result.cpu)} % each`,
        '0 frames lost',
      ]);
    if (result instanceof Error) return;
  }
}

/** A row: hours of a stream over one connection, beyond where nginx-rtmp counts anew (4.03 GB) and 32 bits end (4.29 GB). */
async function longConnection() {
  /** @type {typeof import('../libs/net/src/index.js')} */
  const { AllowList } = await built('libs/net/src/index');
  /** @type {typeof import('../apps/pipeline/src/output/output.js')} */
  const { Output } = await built('apps/pipeline/src/output/output');
  /** @type {typeof import('../apps/pipeline/src/flv/flv.js')} */
  const flv = await built('apps/pipeline/src/flv/flv');
  const server = await startRtmpServer({ dir: join(STATE_DIR, 'bench-rtmp') });
  stops.push(() => server.stop());
  const { close, ...result } = await sendAtFullSpeed({ Output, AllowList, ...flv }, `${server.url}/long`, 4.7e9);
  await close();
  const what = `${(result.bytesSent / 1e9).toFixed(1)} GB to nginx-rtmp at full speed: connections, longest pause`;
  return [
    what,
    `${result.attempts}, ${result.worstPauseMs.toFixed(0)} ms (${result.seconds.toFixed(0)} s in all)`,
    '1, < 1000 ms',
  ];
}

function print(row) {
  say(`| ${row.join(' | ')} |`);
}

async function startSystem() {
  const logFile = join(STATE_DIR, 'logs/bench.log');
  mkdirSync(join(STATE_DIR, 'logs'), { recursive: true });
  const log = openSync(logFile, 'w', 0o600);
  const print = (line) => writeSync(log, `${line}\n`);
  Object.assign(process.env, {
    PORT: String(await freePort()),
    RTMP_PORT: String(await freePort()),
    NODE_SLOTS: '60',
    QUOTA_STREAMS: '1000',
    WHIP_UNCONNECTED_PER_CUSTOMER: '0',
    WHIP_UNCONNECTED_PER_TOKEN: '0',
    LOG_LEVEL: 'warn',
    MEDIA_ADDRESSES: '127.0.0.1',
    WARM_PIPELINES: '4',
  });
  delete process.env.PUBLIC_URL;
  say(`Starting a system for the measurements (its log: ${logFile}).`);
  const stack = createStack({ print, note: print });
  stops.push(() => stack.stop());
  return (await stack.start()).demo;
}

async function startPlatform() {
  const child = spawn(process.execPath, [join(ROOT, 'tools/bench/platform.mjs')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  stops.push(async () => child.kill());
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const port = Number((await lines.next()).value);
  return {
    port,
    report: async () => {
      child.stdin.write('\n');
      return JSON.parse(String((await lines.next()).value));
    },
  };
}

/** One `ffmpeg -c copy` from the demo server to the platform: what relaying a destination by hand costs. */
async function baselineCopy(platform) {
  const source = `rtmp://127.0.0.1:${process.env.RTMP_PORT}/live/source`;
  const feed = start('ffmpeg', [
    '-v',
    'error',
    '-re',
    '-f',
    'lavfi',
    '-i',
    'testsrc2=size=1280x720:rate=30',
    '-f',
    'lavfi',
    '-i',
    'sine',
    '-c:v',
    'libx264',
    '-preset',
    'ultrafast',
    '-tune',
    'zerolatency',
    '-b:v',
    '2500k',
    '-maxrate',
    '2500k',
    '-bufsize',
    '2500k',
    '-g',
    '60',
    '-c:a',
    'aac',
    '-f',
    'flv',
    source,
  ]);
  await sleep(2500);
  const copy = start('ffmpeg', [
    '-v',
    'error',
    '-i',
    source,
    '-c',
    'copy',
    '-f',
    'flv',
    `rtmp://127.0.0.1:${platform.port}/live/copy-${Date.now()}`,
  ]);
  await sleep(3000);
  const cpu = await cpuPercent([copy.pid], SECONDS);
  await end(copy);
  await end(feed);
  return cpu;
}

/** The same graph in one gst-launch, fed by plain RTP: no WebRTC, no control. */
async function baselineGst(platform) {
  const [video, audio] = [await freePort(), await freePort()];
  const feed = start('gst-launch-1.0', [
    ...`-q videotestsrc is-live=true ! video/x-raw,width=1280,height=720,framerate=30/1 ! x264enc tune=zerolatency speed-preset=ultrafast bitrate=2500 key-int-max=60 ! video/x-h264,profile=constrained-baseline ! rtph264pay pt=96 config-interval=-1 ! udpsink host=127.0.0.1 port=${video} sync=false`.split(
      ' ',
    ),
    ...`audiotestsrc is-live=true ! audio/x-raw,rate=48000,channels=2 ! opusenc ! rtpopuspay pt=111 ! udpsink host=127.0.0.1 port=${audio} sync=false`.split(
      ' ',
    ),
  ]);
  const graph = start('gst-launch-1.0', [
    ...`-q udpsrc port=${video} caps=application/x-rtp,media=video,encoding-name=H264,payload=96,clock-rate=90000 ! rtpjitterbuffer ! rtph264depay ! h264parse ! m.video`.split(
      ' ',
    ),
    ...`udpsrc port=${audio} caps=application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate=48000 ! rtpjitterbuffer ! rtpopusdepay ! opusdec ! audioconvert ! audio/x-raw,format=S16LE,channels=2 ! voaacenc bitrate=128000 ! m.audio`.split(
      ' ',
    ),
    ...`flvmux name=m streamable=true ! rtmp2sink sync=false chunk-size=65536 location=rtmp://127.0.0.1:${platform.port}/live/bare-${Date.now()}`.split(
      ' ',
    ),
  ]);
  await sleep(3000);
  const cpu = await cpuPercent([graph.pid], SECONDS);
  await end(graph);
  await end(feed);
  return cpu;
}

function start(program, args) {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  stops.push(() => end(child));
  return child;
}

async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

async function until(condition, deadlineMs = 30_000) {
  for (const deadline = performance.now() + deadlineMs; performance.now() < deadline; await sleep(100))
    if (await condition()) return;
  throw new StepError(`The streams did not all arrive at the platform in ${deadlineMs / 1000} s.`);
}
