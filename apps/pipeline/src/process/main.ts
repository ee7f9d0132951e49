/** A pipeline process: one stream, from WebRTC to any number of platforms. Started by a worker, which it outlives. */
import { setTimeout as sleep } from 'node:timers/promises';
import { lastResort, type LastResortLog } from '#libs/process';
import { compileSooner } from './compile-sooner.js';
import { confinePipeline } from './confinement.js';
import { ControlServer } from './control-server.js';
import { Ingest } from '../input/ingest.js';
import type { PipelineEvents } from '#libs/protocol';
import { StreamPipeline } from '../stream/stream-pipeline.js';

const [socketPath, uid, memoryMb] = process.argv.slice(2);
if (!socketPath || !uid || !memoryMb)
  throw new Error('usage: main.js <socket path> <uid to become, or 0> <memory, MB>');

const UNCLAIMED_MS = 10_000;
/** What a pipeline with a fault in it has to close its outputs. */
const FAILED_MS = 3000;
/** From the decision to end; above the pipeline's own `FINISH_MS`. */
const END_MS = 4000;

let orphanTimer: NodeJS.Timeout | null = null;
let over = false;

const pipeline = new StreamPipeline(
  (event, body) => {
    if (event === 'input' && (body as PipelineEvents['input']).state === 'live') compileSooner();
    control.send(event, body);
  },
  (reason, detail) => ending(end(reason, detail)),
);

const control = new ControlServer(
  socketPath,
  async (op, body) => {
    // A publisher that comes back just now gets the next stream of its name, not a session that ends with this one.
    if (over && op === 'offer') throw new Error('the stream is ending');
    if (op === 'stop') isEnding();
    const result = await pipeline.serve(op, body);
    // After the reply has been written.
    if (op === 'stop') setImmediate(() => ending(exit()));
    return result;
  },
  () => ({ ...pipeline.snapshot(), unconfined }),
  (connected) => watchWorker(connected),
);

/** Media does not need a worker, but a stream that nobody will ever stop must not run without end. */
function watchWorker(connected: boolean): void {
  if (orphanTimer) clearTimeout(orphanTimer);
  orphanTimer = null;
  if (connected || over) return;
  const { settings } = pipeline;
  if (settings === null) ending(exit());
  else orphanTimer = setTimeout(() => ending(end('node_lost')), settings.orphanTimeoutMs);
}

/** Whatever hangs, the process ends: a platform must not be sent to after its stream is over. */
function isEnding(): void {
  over = true;
  setTimeout(() => process.exit(1), END_MS).unref();
}

/** An end that fails is an end all the same. */
function ending(work: Promise<void>): void {
  work.catch((error: unknown) => {
    tell('error', 'could not end in order', error);
    process.exit(1);
  });
}

async function end(reason: string, detail: string | null = null): Promise<void> {
  if (over) return;
  isEnding();
  const final = await pipeline.stop();
  control.send('ended', { reason, detail, final });
  await exit();
}

/** A fault of ours: this stream ends, as properly as it still can, and no other. Its text may name keys, so only its kind is told; the log has it all. */
async function fail(error: unknown): Promise<void> {
  isEnding();
  const final = await Promise.race([pipeline.stop().catch(() => null), sleep(FAILED_MS, null)]);
  control.send('ended', { reason: 'pipeline_crashed', detail: kindOf(error), final });
  await exit();
}

function tell(level: 'error', what: string, error: unknown): void {
  process.stderr.write(`${what}: ${error instanceof Error ? error.stack : String(error)}\n`);
  control.send('log', { level, message: `${what}: ${kindOf(error)}` });
}

function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const { name, code } = error as NodeJS.ErrnoException;
  return code === undefined ? name : `${name} ${code}`;
}

async function exit(): Promise<void> {
  await control.close();
  process.exit(0);
}

// Its log may be full (RLIMIT_FSIZE), or its disk: a line that cannot be written is no reason to end a stream.
process.stderr.on('error', () => undefined);
process.stdout.on('error', () => undefined);

// The terminal's Ctrl-C reaches the whole process group of `npm start`; the worker decides when a stream ends.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => ending(end('service_shutdown')));

const logUnhandled: LastResortLog['error'] = ({ err, count = 1 }, what) =>
  tell('error', count === 1 ? what : `${what} (${count} so far)`, err);
const resort = lastResort({ error: logUnhandled, fatal: logUnhandled });

// The socket lies where only the worker's user may make one; GStreamer's registry has been read. Nothing else needs what is given up here.
await control.listen();
const unconfined = confinePipeline(Number(uid), Number(memoryMb));
await Ingest.warmUp();
// Whoever started us may be gone before it could connect. Before `open`, which stops it when a worker waits already.
orphanTimer = setTimeout(() => ending(exit()), UNCLAIMED_MS);
resort.serve({ end: fail });
control.open();
