// Servers acknowledge in every way (RTMP 5.4.3 leaves it open): none of them may hold up or end a connection that takes bytes all the time.
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { AllowList } from '#libs/net';
import {
  type Read,
  type ScriptedRtmpServer,
  startScriptedRtmpServer,
} from '../../../../test/support/scripted-rtmp-server.js';
import { wantedTransfer } from '../../../../test/support/wanted-transfer.js';
import { Output } from './output.js';
import type { TransferStatus } from '#libs/protocol';
import { avcFrame, avcSequenceHeader } from '../flv/flv.js';
import type { VideoConfig } from '../stream/timeline.js';

const MB = 1_000_000;
/** So much is sent before the mark, and so much after it, where a way of counting has one. */
const BEFORE = 5 * MB;
const AFTER = 10 * MB;
const MAX_PAUSE_MS = 1000;
const FRAME = Buffer.alloc(20_000, 7);
const CONFIG: VideoConfig = {
  header: avcSequenceHeader(Buffer.from('0142c01effe10000', 'hex')),
  width: 640,
  height: 360,
};

interface Way {
  /** The counters of both sides stand as after so many bytes. */
  offset?: number;
  acknowledge?: () => (read: Read) => number | null;
  /** The figure at the end, give or take what one step is; null where the counting makes no sense. */
  acked: number | null;
}

const STEP = 250_000;

/** Says something each time that `step` bytes more have been read. */
const every = (step: number, say: (now: Read, before: Read) => number) => () => {
  let before: Read = { total: 0, bodies: 0 };
  return (now: Read): number | null => {
    if (now.total - before.total < step) return null;
    const value = say(now, before);
    before = { ...now };
    return value;
  };
};

/** Totals as after `mark - BEFORE` bytes, of which `shown` is said. */
const near = (mark: number, shown: (total: number) => number): Omit<Way, 'acked'> => ({
  offset: mark - BEFORE,
  acknowledge: every(STEP, ({ total }) => shown(mark - BEFORE + total)),
});

const once = (at: number) => () => {
  let said = false;
  return ({ total }: Read): number | null => {
    if (said || total < at) return null;
    said = true;
    return total;
  };
};

const WAYS: [string, Way][] = [
  ['exact totals', { acknowledge: every(STEP, ({ total }) => total), acked: BEFORE + AFTER }],
  ['totals modulo 2^32', { ...near(2 ** 32, (total) => total % 2 ** 32), acked: 2 ** 32 + AFTER }],
  ['totals modulo 2^31', { ...near(2 ** 31, (total) => total % 2 ** 31), acked: null }],
  // nginx-rtmp (ngx_rtmp_handler.c), Node-Media-Server (issue 629).
  ['totals from 0 again past 0xf0000000', { ...near(0xf0000000, (total) => total % 0xf0000000), acked: null }],
  ['totals up to 2^31 - 1', { ...near(2 ** 31, (total) => Math.min(total, 2 ** 31 - 1)), acked: null }],
  [
    'the bytes since the last one',
    { acknowledge: every(STEP, (now, before) => now.total - before.total), acked: null },
  ],
  // livego (protocol/rtmp/core/conn.go): neither the handshake nor the headers of chunks.
  [
    'the bytes of messages since the last one',
    { acknowledge: every(STEP, (now, before) => now.bodies - before.bodies), acked: null },
  ],
  // YouTube, as seen by HPRTMP (pull request 28).
  ['the same number each time', { acknowledge: every(STEP, () => 131_325), acked: null }],
  ['twice what came', { acknowledge: every(STEP, ({ total }) => 2 * total), acked: null }],
  ['once, early', { acknowledge: once(4000), acked: 4000 }],
  ['never', { acked: null }],
];

const open: (() => unknown)[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((close) => close()));
});

interface Run {
  output: Output;
  rtmp: ScriptedRtmpServer;
  statuses: TransferStatus[];
  push: () => void;
}

async function begin({ offset = 0, acknowledge }: Way): Promise<Run> {
  const rtmp = await startScriptedRtmpServer({ acknowledge });
  const statuses: TransferStatus[] = [];
  let isAsked = false;
  const output = new Output(wantedTransfer('t', `rtmp://127.0.0.1:${rtmp.port}/live/key`, { sendMetadata: false }), {
    allowList: AllowList.parse('127.0.0.1'),
    requestKeyframe: () => (isAsked = true),
    onStatus: (status) => statuses.push(status),
    hasVideo: () => true,
    orderIsKnown: () => true,
    openSound: async () => [],
  });
  open.push(() => output.close('test').then(() => rtmp.stop()));
  output.start();
  await expect.poll(() => isAsked, { interval: 5 }).toBe(true);
  const { connection } = (
    output as unknown as {
      connection: { publisher: { connection: { outbox: { bytesSent: number }; acks: { total: number } } } };
    }
  ).connection.publisher;
  connection.outbox.bytesSent += offset;
  connection.acks.total += offset;
  let at = 0;
  const push = (): void => {
    const keyframe = at % 1000 === 0;
    output.push({ kind: 'video', at, keyframe, body: avcFrame(FRAME, keyframe, 0), config: CONFIG });
    at += 40;
  };
  return { output, rtmp, statuses, push };
}

/** Sends as fast as it is taken. Throws when that is a pause. */
async function send({ output, push }: Run, bytes: number): Promise<void> {
  for (let sent = 0; sent < bytes; sent += FRAME.length) {
    push();
    const since = performance.now();
    while (output.figures().queuedBytes > 60_000) {
      if (performance.now() - since > MAX_PAUSE_MS) throw new Error(`a pause after ${sent} bytes`);
      await turn();
    }
  }
}

describe('a server that acknowledges', () => {
  it.each(WAYS)('%s is sent to without a pause, on one connection', async (_, way) => {
    const run = await begin(way);
    await send(run, BEFORE + AFTER);
    await expect.poll(() => run.rtmp.media.length).toBe((BEFORE + AFTER) / FRAME.length + 2);
    const { arrivals } = run.rtmp;
    expect(Math.max(...arrivals.slice(1).map((time, i) => time - (arrivals[i] as number)))).toBeLessThan(MAX_PAUSE_MS);
    expect(run.rtmp.connects).toHaveLength(1);
    expect(run.statuses.at(-1)).toMatchObject({ state: 'live', reason: null });
    const { bytesAcked, droppedFrames, reconnects } = run.output.figures();
    expect({ droppedFrames, reconnects }).toEqual({ droppedFrames: 0, reconnects: 0 });
    if (way.acked === null) expect(bytesAcked).toBeNull();
    else expect(Math.abs((bytesAcked ?? NaN) - way.acked)).toBeLessThan(2 * STEP);
  });

  it('in any way, and then reads no more, has stalled', async () => {
    const stalls = await Promise.all(
      WAYS.map(async ([name, way]) => {
        const run = await begin(way);
        await send(run, 2 * MB);
        run.rtmp.sockets[0]?.pause();
        const since = performance.now();
        while (run.statuses.at(-1)?.state === 'live' && performance.now() - since < 30_000) {
          for (let i = 0; i < 10; i += 1) run.push();
          await sleep(20);
        }
        return [name, run.statuses.at(-1)?.reason];
      }),
    );
    expect(stalls).toEqual(WAYS.map(([name]) => [name, 'stalled']));
  }, 60_000);
});
