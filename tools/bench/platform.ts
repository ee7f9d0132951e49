// The platform of the benchmarks, a process of its own: takes any number of RTMP publishers and reports on request (a line
// on stdin) what each has sent: frames, gaps, and of the stamped pictures their latency and which were left out.
import { type AddressInfo, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { built } from '../lib/built.ts';

/** What a publisher has sent so far. Times in ms. */
export interface PublisherReport {
  publishedAt: number;
  firstAt: number | null;
  frames: number;
  /** Timestamp of the last frame. */
  last: number | null;
  worstGapMs: number;
  latencies: number[];
  lastNumber: number | null;
  missing: number;
}

const { decodeAmf, encodeAmf } = await built<typeof import('../../apps/pipeline/src/output/rtmp/amf0.js')>(
  'apps/pipeline/src/output/rtmp/amf0',
);
const { ChunkReader, MESSAGE, toChunks } = await built<typeof import('../../apps/pipeline/src/output/rtmp/chunks.js')>(
  'apps/pipeline/src/output/rtmp/chunks',
);
const STAMP_TEXT = Buffer.from('6d616e7963617374206265636820737461'.slice(0, 32), 'hex');

const streams = new Map<unknown, PublisherReport>();
const server = createServer((socket) => {
  const reader = new ChunkReader();
  let shaken: Buffer = Buffer.alloc(0);
  let stream: PublisherReport | undefined;
  let received = 0;
  let acknowledged = 0;
  const send = (type: number, streamId: number, body: Buffer) =>
    toChunks(3, { type, streamId, timestamp: 0, body }, 128).forEach((piece) => socket.write(piece));
  const reply = (streamId: number, ...values: Parameters<typeof encodeAmf>) =>
    send(MESSAGE.command, streamId, encodeAmf(...values));
  socket.on('error', () => socket.destroy());
  socket.on('data', (data: Buffer) => {
    received += data.length;
    if (received - acknowledged > 250_000) {
      acknowledged = received;
      const body = Buffer.alloc(4);
      body.writeUInt32BE(received % 2 ** 32);
      send(MESSAGE.acknowledgement, 0, body);
    }
    if (shaken.length < 3073) {
      const had = shaken.length;
      shaken = Buffer.concat([shaken, data]);
      if (had < 1537 && shaken.length >= 1537)
        socket.write(Buffer.concat([Buffer.from([3]), Buffer.alloc(1536), shaken.subarray(1, 1537)]));
      if (shaken.length < 3073) return;
      data = shaken.subarray(3073);
    }
    for (const message of reader.push(data)) handle(message);
  });

  function handle({ type, timestamp, body }: { type: number; timestamp: number; body: Buffer }): void {
    if (type === MESSAGE.video && body[1] === 1 && stream) return picture(stream, timestamp, body);
    if (type !== MESSAGE.command) return;
    const [name, transaction, , argument] = decodeAmf(body);
    if (name === 'connect')
      reply(0, '_result', transaction, null, {
        level: 'status',
        code: 'NetConnection.Connect.Success',
        description: '',
      });
    else if (name === 'createStream') reply(0, '_result', transaction, null, 1);
    else if (name === 'publish') {
      stream = {
        publishedAt: Date.now(),
        firstAt: null,
        frames: 0,
        last: null,
        worstGapMs: 0,
        latencies: [],
        lastNumber: null,
        missing: 0,
      };
      streams.set(argument, stream);
      reply(1, 'onStatus', 0, null, { level: 'status', code: 'NetStream.Publish.Start', description: '' });
    }
  }

  function picture(stream: PublisherReport, timestamp: number, body: Buffer): void {
    stream.firstAt ??= Date.now();
    stream.frames += 1;
    if (stream.last !== null) stream.worstGapMs = Math.max(stream.worstGapMs, timestamp - stream.last);
    stream.last = timestamp;
    const at = body.subarray(0, 400).indexOf(STAMP_TEXT);
    if (at === -1) return;
    const stamp = Buffer.from(body.toString('latin1', at + 16, at + 40), 'hex');
    stream.latencies.push(performance.timeOrigin + performance.now() - stamp.readDoubleBE());
    const number = stamp.readUInt32BE(8);
    // A platform begins with some key frame: what was sent before is not missing.
    stream.missing += stream.lastNumber === null ? 0 : number - stream.lastNumber - 1;
    stream.lastNumber = number;
  }
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`));
createInterface({ input: process.stdin }).on('line', () =>
  process.stdout.write(`${JSON.stringify(Object.fromEntries(streams))}\n`),
);
