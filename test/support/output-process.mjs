// One transfer in a process of its own, which a test can stop or make busy: `output-process.mjs <url>` sends a picture every 40 ms,
// writes each status as a line of JSON, and is busy for so many milliseconds as a line on stdin says.
import { createInterface } from 'node:readline';

const dist = '../../dist';
const { AllowList } = await import(`${dist}/libs/net/src/index.js`);
const { Output } = await import(`${dist}/apps/pipeline/src/output/output.js`);
const { avcFrame, avcSequenceHeader } = await import(`${dist}/apps/pipeline/src/flv/flv.js`);

const config = { header: avcSequenceHeader(Buffer.from('0142c01effe10000', 'hex')), width: 640, height: 360 };
const body = Buffer.alloc(20_000, 7);
const output = new Output(
  { id: 't', url: process.argv[2], options: { reconnectIntervalMs: 500 } },
  {
    allowList: AllowList.parse('127.0.0.1'),
    requestKeyframe: () => undefined,
    onStatus: (status) => process.stdout.write(`${JSON.stringify(status)}\n`),
    hasVideo: () => true,
    isReorderingKnown: () => true,
    openSound: async () => [],
  },
);
output.start();

const began = performance.now();
let frames = 0;
setInterval(() => {
  for (; frames * 40 < performance.now() - began; frames += 1) {
    const keyframe = frames % 10 === 0;
    output.push({ kind: 'video', at: frames * 40, keyframe, body: avcFrame(body, keyframe, 0), config });
  }
}, 20);

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const until = performance.now() + Number(line);
    while (performance.now() < until);
  })
  .on('close', () => process.exit());
