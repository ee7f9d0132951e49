// A platform that talks without end, beside one that does as it should, in one pipeline's process.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, expect, it } from 'vitest';
import { RtmpPublisher } from '../../apps/pipeline/src/output/rtmp/rtmp-publisher.js';
import { AllowList } from '../../libs/net/src/index.js';
import { TransferUrl } from '../../libs/transfer/src/index.js';
import { startScriptedRtmpServer } from '../support/scripted-rtmp-server.js';

const closers: (() => unknown)[] = [];

afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

/** Bytes in hex: a beginning, and what follows it so many times. */
type Words = [head: string, value: string, times: number];

/** A server in a process of its own: after the handshake it writes these bytes again and again, as fast as they are read. Says how many MB that were. */
async function flood([head, value, times]: Words): Promise<{ port: number; megabytes: () => number }> {
  const program = `
    const [, head, value, times] = process.argv;
    const words = Buffer.from(head + value.repeat(times), 'hex');
    const many = Buffer.concat(Array.from({ length: Math.ceil(1e6 / words.length) }, () => words));
    require('node:net').createServer((socket) => {
      socket.on('error', () => undefined);
      let got = 0;
      let taken = 0;
      socket.on('data', (data) => {
        if (got < 3073 && (got += data.length) >= 3073) write();
      });
      const write = () => socket.write(many, () => (console.log((taken += many.length)), write()));
      socket.write(Buffer.concat([Buffer.alloc(3073, 3), Buffer.from('02000000000004010000000000ffffff', 'hex')]));
    }).listen(0, '127.0.0.1', function () { console.log('port', this.address().port); });`;
  const child: ChildProcess = spawn(process.execPath, ['-e', program, head, value, String(times)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  closers.push(() => child.kill('SIGKILL'));
  let said = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-200)));
  await once(child.stdout as NonNullable<ChildProcess['stdout']>, 'data');
  const port = Number(/port (\d+)/.exec(said)?.[1]);
  return { port, megabytes: () => Number(said.trim().split('\n').at(-1)) / 1e6 };
}

/** A message's header (in one chunk), and what its body repeats. */
const message = (type: string, value: string, times: number): Words => [
  `03000000${((value.length / 2) * times).toString(16).padStart(6, '0')}${type}00000000`,
  value,
  times,
];

it.each<[string, Words]>([
  ['commands of 1 MB', message('14', '05', 1_000_000)],
  ['commands of 64 KB with as many values', message('14', '05', 64_000)],
  ['commands with 999 empty objects', message('14', '03000009', 999)],
  ['many short commands', message('14', '05', 4)],
  ['messages of one byte', message('04', 'ff', 1)],
  ['pings', message('04', '000600000001', 1)],
  ['chunks to pass over', message('09', '63', 60_000)],
])(
  '%s do not keep the frames from another platform',
  async (_, words) => {
    const hostile = await flood(words);
    const healthy = await startScriptedRtmpServer();
    closers.push(() => healthy.stop());
    const allowList = AllowList.parse('127.0.0.0/8');
    const abort = new AbortController();
    closers.push(() => abort.abort());
    const publisher = await RtmpPublisher.connect(
      TransferUrl.parse(`rtmp://127.0.0.1:${healthy.port}/live/a`).target,
      { allowList },
      abort.signal,
    );
    closers.push(() => publisher.close({ clean: false, deadlineMs: 0 }));
    const flooded = RtmpPublisher.connect(
      TransferUrl.parse(`rtmp://127.0.0.1:${hostile.port}/live/b`).target,
      { allowList, deadlines: { connectMs: 30_000 } },
      abort.signal,
    ).catch(() => undefined);
    let sent = 0;
    const timer = setInterval(() => publisher.sendVideo((sent += 20), Buffer.alloc(2000, 1)), 20);
    closers.push(() => clearInterval(timer));
    // It has written more than any buffer in between holds: we read it.
    await expect.poll(() => hostile.megabytes(), { timeout: 20_000 }).toBeGreaterThan(8);
    await expect.poll(() => healthy.arrivals.length, { timeout: 20_000 }).toBeGreaterThan(100);
    const gaps = healthy.arrivals.slice(1).map((at, i) => at - (healthy.arrivals[i] as number));
    gaps.sort((a, b) => a - b);
    // 20 ms, and what a machine with other work adds. Without bounds each megabyte of values took 250 ms, and there were three frames a second.
    expect(gaps[Math.floor(gaps.length * 0.95)]).toBeLessThan(100);
    expect(gaps.at(-1)).toBeLessThan(500);
    abort.abort();
    await flooded;
  },
  60_000,
);
