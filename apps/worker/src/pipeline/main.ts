/** A pipeline process: one stream, from WebRTC to any number of platforms. Started by a worker, which it outlives. */
import { compileSooner } from './compile-sooner.js';
import { ControlServer } from './control-server.js';
import { Ingest } from './ingest.js';
import type { PipelineEvents } from '#libs/protocol';
import { StreamPipeline } from './stream-pipeline.js';

const [socketPath] = process.argv.slice(2);
if (!socketPath) throw new Error('usage: main.js <socket path>');

const UNCLAIMED_MS = 10_000;
/** From the decision to end; above the pipeline's own `FINISH_MS`. */
const END_MS = 4000;

let orphanTimer: NodeJS.Timeout | null = null;
let over = false;

const pipeline = new StreamPipeline(
  (event, body) => {
    if (event === 'input' && (body as PipelineEvents['input']).state === 'live') compileSooner();
    control.send(event, body);
  },
  (reason) => void end(reason),
);

const control = new ControlServer(
  socketPath,
  async (op, body) => {
    // A publisher that comes back just now gets the next stream of its name, not a session that ends with this one.
    if (over && op === 'offer') throw new Error('the stream is ending');
    if (op === 'stop') isEnding();
    const result = await pipeline.serve(op, body);
    // After the reply has been written.
    if (op === 'stop') setImmediate(() => void exit());
    return result;
  },
  () => pipeline.snapshot(),
  (connected) => watchWorker(connected),
);

/** Media does not need a worker, but a stream that nobody will ever stop must not run for ever. */
function watchWorker(connected: boolean): void {
  if (orphanTimer) clearTimeout(orphanTimer);
  orphanTimer = null;
  if (connected || over) return;
  const { settings } = pipeline;
  if (settings === null) void exit();
  else orphanTimer = setTimeout(() => void end('node_lost'), settings.orphanTimeoutMs);
}

/** Whatever hangs, the process ends: a platform must not be sent to after its stream is over. */
function isEnding(): void {
  over = true;
  setTimeout(() => process.exit(1), END_MS).unref();
}

async function end(reason: string): Promise<void> {
  if (over) return;
  isEnding();
  const final = await pipeline.stop();
  control.send('ended', { reason, final });
  await exit();
}

async function exit(): Promise<void> {
  await control.close();
  process.exit(0);
}

// The terminal's Ctrl-C reaches the whole process group of `npm start`; the worker decides when a stream ends.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => void end('service_shutdown'));

await Ingest.warmUp();
await control.listen();
// Whoever started us may be gone before it could connect.
orphanTimer = setTimeout(() => void exit(), UNCLAIMED_MS);
