// The figures of many nodes, written as workers write them: each node with a connection of its own. Prints a line when all are connected.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Figures, InputFigures, TransferFigures } from '../../libs/protocol/src/index.js';
import { built } from '../lib/built.ts';
import { idOfStream, nodeOf, PERIOD_MS } from './growth-streams.ts';

const { Env } = await built<typeof import('../../libs/config/src/index.js')>('libs/config/src/index');
const { Registry } = await built<typeof import('../../libs/queue/src/index.js')>('libs/queue/src/index');
const { FiguresBoard } = await built<typeof import('../../apps/worker/src/node/figures-board.js')>(
  'apps/worker/src/node/figures-board',
);

const { REDIS_URL = '', REDIS_PREFIX } = process.env;
const [nodes = 0, perNode = 0] = process.argv.slice(2).map(Number);

const input = (): InputFigures => ({
  bitrate: 2_500_000 + Math.round(Math.random() * 100_000),
  fps: 30,
  width: 1280,
  height: 720,
  videoCodec: 'H264',
  audioCodec: 'opus',
  transcoded: null,
  keyFrameIntervalMs: 2000,
  packetsLost: 3,
  jitterMs: 2.41,
  rttMs: 33.2,
  avSkewMs: -4,
});
const transfer = (): TransferFigures => ({
  bytesSent: Math.round(Math.random() * 1e9),
  bytesAcked: 123_456_789,
  bitrate: 2_612_345,
  fps: 30,
  videoFrames: 123_456,
  audioFrames: 223_456,
  droppedFrames: 0,
  queuedBytes: 0,
  queuedMs: 0,
  reconnects: 0,
  soundIsOver: false,
  liveMs: 4_123_456,
});

/** Each stream has two transfers, and tells its figures at a moment of its own, as pipelines do. */
async function startNode(node: number): Promise<void> {
  const redis = new Redis(REDIS_URL);
  redis.on('error', (error) => process.stderr.write(`${error.message}\n`));
  await redis.ping();
  const env = Object.assign(new Env(), { REDIS_URL, REDIS_PREFIX, NODE_ID: nodeOf(node) });
  const board = new FiguresBoard(env, new Registry(redis, env));
  for (let i = 0; i < perNode; i += 1) {
    const id = idOfStream(node * perNode + i);
    const transfers = [randomUUID(), randomUUID()];
    const figures = (): Figures => ({
      input: input(),
      transfers: Object.fromEntries(transfers.map((each) => [each, transfer()])),
    });
    setTimeout(() => {
      board.note(id, figures());
      setInterval(() => board.note(id, figures()), PERIOD_MS);
    }, Math.random() * PERIOD_MS);
  }
  // Nodes do not begin at the same moment either.
  await sleep(Math.random() * PERIOD_MS);
  board.start();
}

await Promise.all(Array.from({ length: nodes }, (_, node) => startNode(node)));
process.stdout.write('ready\n');
