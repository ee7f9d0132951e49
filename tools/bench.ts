// npm run bench: what a stream and a transfer cost, how fast they begin, what they lose; beside the baselines, in one run.
// `npm run bench -- --quick` measures once instead of three times and leaves the capacity out; `-- --api` is the control plane alone,
// and `-- --growth` of that only what grows with streams and listeners;
// `-- --projects 1000,1000000` says how many projects its databases have (filling one with a million takes some minutes, and 10 GB).
import { join } from 'node:path';
import { baselineCopy, baselineGst } from './bench/baselines.ts';
import { sendAtFullSpeed } from './bench/long-connection.ts';
import { median } from './bench/measure.ts';
import type { Result, Scenarios } from './bench/scenarios.ts';
import { startPlatform, startSystem, type Stops } from './bench/system.ts';
import { built } from './lib/built.ts';
import { loadDotEnv, runMain } from './lib/main.ts';
import { STATE_DIR } from './lib/paths.ts';
import { startRtmpServer } from './lib/rtmp-server.ts';
import { setUp } from './lib/setup.ts';
import { say } from './lib/terminal.ts';

const quick = process.argv.includes('--quick');
/** Only the control plane. */
const onlyGrowth = process.argv.includes('--growth');
const onlyApi = onlyGrowth || process.argv.includes('--api');
const RUNS = quick ? 1 : 3;
/** How many projects the databases of the control plane have. */
const SIZES = sizesOf(process.argv) ?? (quick ? [1000, 100_000] : [1000, 1_000_000]);
const SECONDS = 8;
const stops: Stops = [];

type Row = string[];

interface Round {
  one: Result;
  five: Result;
  ten: Result;
  begins: number;
  copies: number;
  bare: number;
}

await runMain(async () => {
  loadDotEnv();
  await setUp({ uses: ['core', 'demo', 'bench'] });
  // Packages that a clean clone has only now.
  const { measureControlPlane } = await import('./bench/control-plane.ts');
  try {
    if (!onlyApi) await bench();
    say();
    print(['Control plane', '', '']);
    if (onlyApi) say('| --- | --- | --- |');
    await measureControlPlane({ runs: RUNS, onlyGrowth, sizes: SIZES, print, say });
  } finally {
    for (let next = stops.pop(); next; next = stops.pop()) await next();
  }
});
process.exit();

async function bench(): Promise<void> {
  const opened = await import('./bench/scenarios.ts');
  const system = await startSystem(stops);
  const platform = await startPlatform(stops);
  const scenarios = await opened.Scenarios.open(system, platform, stops);
  // The first one loads what the others find loaded.
  await scenarios.run(1, 1, { seconds: 2, settleMs: 0 });
  const rounds: Round[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    rounds.push({
      one: await scenarios.run(1, 1, { seconds: SECONDS }),
      five: await scenarios.run(1, 5, { seconds: SECONDS }),
      ten: await scenarios.run(10, 1, { seconds: SECONDS }),
      begins: await scenarios.firstKeyFrame(),
      copies: await baselineCopy(Number(process.env.RTMP_PORT), platform.port, SECONDS),
      bare: await baselineGst(platform.port, SECONDS),
    });
    say(`  run ${run + 1} of ${RUNS} done`);
  }
  say();
  for (const [i, row] of table(rounds).entries()) {
    print(row);
    if (i === 0) say('| --- | --- | --- |');
  }
  print(await longConnection());
  const { threads } = await scenarios.run(4, 1, { seconds: SECONDS, profile: true });
  for (const [name, percent] of threads)
    if (percent >= 0.05) print([`of which thread \`${name}\``, `${percent.toFixed(2)} %`, '']);
  if (!quick) await capacity(scenarios);
}

/** Medians of the rounds, with what is aimed at. */
function table(rounds: Round[]): Row[] {
  const of = (pick: (round: Round) => number, digits: number) => median(rounds.map(pick)).toFixed(digits);
  const both = (figure: 'answer' | 'published') => of(({ one, five }) => median([...one[figure], ...five[figure]]), 0);
  return [
    ['720p30, 2.5 Mbit/s, Opus to AAC; CPU in % of one core', '', 'target'],
    ['CPU of a stream with 1 transfer (alone)', `${of(({ one }) => one.cpu, 1)} %`, '< 2.5 %'],
    ['CPU of a stream with 1 transfer (10 streams)', `${of(({ ten }) => ten.cpu, 1)} %`, '< 2.5 %'],
    ['CPU of one more transfer', `${of(({ one, five }) => (five.cpu - one.cpu) / 4, 2)} %`, '< 0.2 %'],
    ['Memory of a stream (PSS, 10 streams)', `${of(({ ten }) => ten.pss, 1)} MB`, '< 25 MB'],
    ['WHIP POST to answer (a pipeline was ready)', `${both('answer')} ms`, '< 60 ms'],
    ['WHIP POST to publish at the platform', `${both('published')} ms`, ''],
    ['WHIP POST to the first key frame there', `${of(({ begins }) => begins, 0)} ms`, '< 300 ms'],
    [
      'Latency through the system, p50 / p95',
      `${of(({ one }) => one.p50, 0)} / ${of(({ one }) => one.p95, 0)} ms`,
      'p95 < 80 ms',
    ],
    ['Baseline: `ffmpeg -c copy`, CPU of one destination', `${of(({ copies }) => copies, 2)} %`, ''],
    ['Baseline: `gst-launch` of the same graph without WebRTC, 1 destination', `${of(({ bare }) => bare, 1)} %`, ''],
  ];
}

/** Rows: more and more streams, until they do not all arrive any more. */
async function capacity(scenarios: Scenarios): Promise<void> {
  for (const [streams, transfers] of [
    [10, 5],
    [20, 1],
    [30, 1],
    [40, 1],
  ] as const) {
    const what = `${streams} streams x ${transfers} transfers, on one node with its publishers and platform`;
    const result = await scenarios
      .run(streams, transfers, { seconds: 10, settleMs: 0 })
      .catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))));
    if (result instanceof Error) {
      print([what, `not reached: ${result.message.slice(0, 80)}`, '0 frames lost']);
      return;
    }
    const { lost, worstGap, cpu } = result;
    print([what, `${lost} frames lost, largest step ${worstGap} ms, ${cpu.toFixed(1)} % each`, '0 frames lost']);
  }
}

/** A row: hours of a stream over one connection, beyond where nginx-rtmp counts anew (4.03 GB) and 32 bits end (4.29 GB). */
async function longConnection(): Promise<Row> {
  const { AllowList } = await built<typeof import('../libs/net/src/index.js')>('libs/net/src/index');
  const { TransferUrl } = await built<typeof import('../libs/transfer/src/index.js')>('libs/transfer/src/index');
  const { Output } = await built<typeof import('../apps/pipeline/src/output/output.js')>(
    'apps/pipeline/src/output/output',
  );
  const { avcFrame, avcSequenceHeader } =
    await built<typeof import('../apps/pipeline/src/flv/flv.js')>('apps/pipeline/src/flv/flv');
  const server = await startRtmpServer({ dir: join(STATE_DIR, 'bench-rtmp') });
  stops.push(() => server.stop());
  const product = { Output, TransferUrl, AllowList, avcFrame, avcSequenceHeader };
  const { close, ...result } = await sendAtFullSpeed(product, `${server.url}/long`, 4.7e9);
  await close();
  const what = `${(result.bytesSent / 1e9).toFixed(1)} GB to nginx-rtmp at full speed: connections, longest pause`;
  return [
    what,
    `${result.attempts}, ${result.worstPauseMs.toFixed(0)} ms (${result.seconds.toFixed(0)} s in all)`,
    '1, < 1000 ms',
  ];
}

/** Of `--projects a,b`. Throws for what is no list of numbers. */
function sizesOf(args: string[]): number[] | undefined {
  const at = args.indexOf('--projects');
  if (at === -1) return undefined;
  const sizes = (args[at + 1] ?? '').split(',').map(Number);
  if (sizes.some((size) => !Number.isInteger(size) || size < 100))
    throw new Error('--projects takes numbers from 100 up, as in 1000,1000000');
  return sizes;
}

function print(row: Row): void {
  say(`| ${row.join(' | ')} |`);
}
