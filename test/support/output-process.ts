// One transfer in a process of its own, which a test can stop or make busy: `output-process.ts <url>` sends a video frame every 40 ms,
// writes each status as a line of JSON, and is busy for so many milliseconds as a line on stdin says.
import { createInterface } from 'node:readline';
import { built } from '../../tools/lib/built.ts';

const { AllowList } = await built<typeof import('../../libs/net/src/index.js')>('libs/net/src/index');
const { TransferUrl } = await built<typeof import('../../libs/transfer/src/index.js')>('libs/transfer/src/index');
const { Output } = await built<typeof import('../../apps/pipeline/src/output/output.js')>(
  'apps/pipeline/src/output/output',
);
const { avcFrame, avcSequenceHeader } =
  await built<typeof import('../../apps/pipeline/src/flv/flv.js')>('apps/pipeline/src/flv/flv');

const config = { header: avcSequenceHeader(Buffer.from('0142c01effe10000', 'hex')), width: 640, height: 360 };
const body = Buffer.alloc(20_000, 7);
const [, , url = ''] = process.argv;
const output = new Output(
  { id: 't', target: TransferUrl.parse(url).target, url, options: { reconnectIntervalMs: 500 } },
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
