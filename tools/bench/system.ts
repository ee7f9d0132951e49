// What the benchmarks of media run on: a system of our own, and a platform that counts.
import { spawn } from 'node:child_process';
import { mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Demo } from '../lib/demo-customer.ts';
import { ROOT, STATE_DIR } from '../lib/paths.ts';
import { freePort } from '../lib/ports.ts';
import { createStack } from '../lib/stack.ts';
import { say } from '../lib/terminal.ts';
import type { PublisherReport } from './platform.ts';

/** What must end when the benchmark does; last begun, first ended. */
export type Stops = (() => unknown)[];

export interface Platform {
  port: number;
  /** By the name of the stream. */
  report: () => Promise<Record<string, PublisherReport>>;
}

/** A system without limits that the load would reach. */
export async function startSystem(stops: Stops): Promise<Demo> {
  const logFile = join(STATE_DIR, 'logs/bench.log');
  mkdirSync(join(STATE_DIR, 'logs'), { recursive: true });
  const log = openSync(logFile, 'w', 0o600);
  const print = (line: string) => writeSync(log, `${line}\n`);
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

export async function startPlatform(stops: Stops): Promise<Platform> {
  const child = spawn(process.execPath, [join(ROOT, 'tools/bench/platform.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  stops.push(() => child.kill());
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const port = Number((await lines.next()).value);
  return {
    port,
    report: async () => {
      child.stdin.write('\n');
      return JSON.parse(String((await lines.next()).value)) as Record<string, PublisherReport>;
    },
  };
}
