// Streams with their transfers, measured while they run.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Demo, demoApi, startCallbackServer } from '../lib/demo-customer.ts';
import { StepError } from '../lib/step.ts';
import { publishTestStream } from '../lib/whip-publisher.ts';
import { type Clip, type Load, makeClip, publishLoad } from './load.ts';
import { cpuByThread, cpuPercent, percentile, pidsOf, pssMb } from './measure.ts';
import type { PublisherReport } from './platform.ts';
import type { Platform, Stops } from './system.ts';

const ENTRY_POINT = 'bench';
const PACE_MS = 500;
/** A stream runs for hours: what the first seconds cost besides (its code is compiled, the next warm process starts) is not what it costs. */
const SETTLE_MS = 20_000;
/** Where both cores are full, a process takes longer to start, and the pool to fill up. */
const SLOW_PACE_MS = 1500;
const MANY_STREAMS = 20;
/** The last frames of a run may take so long from the publisher to the platform. */
const ARRIVAL_MS = 3000;

export interface Result {
  /** % of a core, and MB: of one stream. */
  cpu: number;
  pss: number;
  /** Frames. */
  lost: number;
  worstGap: number;
  /** Ms, of each stream: from the POST to its answer, and to publish at the platform. */
  answer: number[];
  published: number[];
  /** Ms, of frames through the system. */
  p50: number;
  p95: number;
  /** % of a core for each stream, by thread; of those that take any. */
  threads: [name: string, percent: number][];
}

interface Extent {
  seconds: number;
  settleMs?: number;
  /** Measure the threads, too. */
  profile?: boolean;
}

type Publisher = { load: Load; name: string };

export class Scenarios {
  readonly #system: Demo;
  readonly #platform: Platform;
  readonly #token: string;
  readonly #clip: Clip;
  #number = 0;

  static async open(system: Demo, platform: Platform, stops: Stops): Promise<Scenarios> {
    const api = demoApi(system, ENTRY_POINT);
    await api.ensureEntryPoint();
    // The stream's name says how many transfers it has.
    const customer = await startCallbackServer((name) =>
      Array.from(
        { length: Number(name.split('-')[1]) },
        (_, i) => `rtmp://127.0.0.1:${platform.port}/live/${name}-${i}`,
      ),
    );
    stops.push(() => customer.stop());
    await api.patchSettings({ enabled: true, callbackUrl: customer.url });
    const { token } = await api.publishToken();
    return new Scenarios(system, platform, token, await makeClip());
  }

  private constructor(system: Demo, platform: Platform, token: string, clip: Clip) {
    this.#system = system;
    this.#platform = platform;
    this.#token = token;
    this.#clip = clip;
  }

  /** Runs so many streams with so many transfers each, and measures while they run. */
  async run(streams: number, transfers: number, extent: Extent): Promise<Result> {
    const publishers: Publisher[] = [];
    try {
      for (let i = 0; i < streams; i += 1) {
        const name = this.#nextName(transfers);
        publishers.push({ load: await publishLoad(this.#clip, { url: this.#url(name), token: this.#token }), name });
        // Publishers do not come all in the same second; the pool has the time to fill up again.
        if (streams > 1) await sleep(streams < MANY_STREAMS ? PACE_MS : SLOW_PACE_MS);
      }
      return await this.#measured(publishers, transfers, extent);
    } finally {
      // Also of a scenario that failed: the next one is not to be measured beside it.
      await Promise.all(publishers.map(({ load }) => load.stop()));
    }
  }

  /** Of a publisher that makes key frames when it is asked to, as browsers and OBS do; a clip cannot. Milliseconds from POST. */
  async firstKeyFrame(): Promise<number> {
    const name = this.#nextName(1);
    const publisher = await publishTestStream({
      url: this.#url(name),
      token: this.#token,
      localAddress: '127.0.0.1',
      width: 1280,
      height: 720,
      kbps: 2500,
    });
    let firstAt = 0;
    await until(async () => (firstAt = (await this.#platform.report())[`${name}-0`]?.firstAt ?? 0) > 0);
    await publisher.stop();
    // The pool fills up again.
    await sleep(2 * PACE_MS);
    return firstAt - publisher.postedAt;
  }

  #nextName(transfers: number): string {
    return `s${(this.#number += 1)}-${transfers}`;
  }

  #url(name: string): string {
    return `${this.#system.apiUrl}/whip/${this.#system.appid}/${ENTRY_POINT}/${name}`;
  }

  async #measured(publishers: Publisher[], transfers: number, extent: Extent): Promise<Result> {
    const { seconds, settleMs = SETTLE_MS, profile = false } = extent;
    const streams = publishers.length;
    const names = publishers.flatMap(({ name }) => Array.from({ length: transfers }, (_, i) => `${name}-${i}`));
    let report: Record<string, PublisherReport> = {};
    const of = (name: string) => report[name] as PublisherReport;
    await until(async () => {
      report = await this.#platform.report();
      return names.every((name) => (report[name]?.frames ?? 0) > 30);
    });
    await sleep(settleMs);
    // Warm ones too: they cost nothing.
    const pids = pidsOf('pipeline/src/process/main.js');
    const cpu = (await cpuPercent(pids, seconds)) / streams;
    const pss = pssMb(pids) / pids.length;
    const threads = profile ? await cpuByThread(pids, seconds) : [];
    for (const { load } of publishers) load.pause();
    const unseen = ({ load, name }: Publisher) =>
      Array.from({ length: transfers }, (_, k) => load.frames - 1 - (of(`${name}-${k}`).lastNumber ?? 0));
    // What is on its way is not lost yet; what has not come by then is.
    await until(async () => {
      report = await this.#platform.report();
      return publishers.flatMap(unseen).every((frames) => frames === 0);
    }, ARRIVAL_MS).catch(() => undefined);
    const latencies = names.flatMap((name) => of(name).latencies.slice(60));
    return {
      cpu,
      pss,
      lost: sum(names.map((name) => of(name).missing)) + sum(publishers.flatMap(unseen)),
      worstGap: Math.max(...names.map((name) => of(name).worstGapMs)),
      answer: publishers.map(({ load }) => load.answerMs),
      published: publishers.map(({ name, load }) => of(`${name}-0`).publishedAt - load.wallPosted),
      p50: percentile(latencies, 0.5),
      p95: percentile(latencies, 0.95),
      threads: threads.map(([name, percent]) => [name, percent / streams]),
    };
  }
}

const sum = (values: number[]): number => values.reduce((a, b) => a + b, 0);

async function until(condition: () => Promise<boolean>, deadlineMs = 30_000): Promise<void> {
  for (const deadline = performance.now() + deadlineMs; performance.now() < deadline; await sleep(100))
    if (await condition()) return;
  throw new StepError(`The streams did not all arrive at the platform in ${deadlineMs / 1000} s.`);
}
