// Who is late? A process of ours that does not get to its work must not say that the platform is at fault.
import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, type ExpectStatic, it } from 'vitest';
import { type ReasonCode, REASONS } from '#libs/transfer';
import type { TransferStatus } from '#libs/protocol';
import { type Script, type ScriptedRtmpServer, startScriptedRtmpServer } from '../support/scripted-rtmp-server.js';

/** Longer than a platform's connection may stand still (10 s), and than any step to it may take (5 to 8 s). */
const LATE_MS = 13_000;
/** As platforms do with a publisher that says nothing. */
const PATIENCE_MS = 4000;

const open: (() => unknown)[] = [];
afterAll(async () => {
  await Promise.all(open.splice(0).map((close) => close()));
});

interface Transfer {
  child: ChildProcess;
  rtmp: ScriptedRtmpServer;
  statuses: TransferStatus[];
}

async function transfer(script: Script = {}): Promise<Transfer> {
  const rtmp = await startScriptedRtmpServer(script);
  const child = spawn(
    process.execPath,
    [`${import.meta.dirname}/../support/output-process.ts`, `rtmp://127.0.0.1:${rtmp.port}/live/key`],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const statuses: TransferStatus[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => statuses.push(JSON.parse(line) as TransferStatus));
  open.push(() => {
    child.kill('SIGKILL');
    return rtmp.stop();
  });
  return { child, rtmp, statuses };
}

/** Of tests that run at the same time each has an `expect` of its own. */
async function live(expect: ExpectStatic, script: Script = {}): Promise<Transfer> {
  const one = await transfer(script);
  await expect.poll(() => one.rtmp.media.length, { timeout: 20_000 }).toBeGreaterThan(30);
  return one;
}

/** Ends a connection on which nothing came for a while. */
function hangUpOnSilence(socket: Socket | undefined): void {
  socket?.setTimeout(PATIENCE_MS, () => socket.end());
}

/** Two ways not to get to one's work. */
const ways: [string, (child: ChildProcess, ms: number) => Promise<void>][] = [
  [
    'is stopped',
    async (child, ms) => {
      child.kill('SIGSTOP');
      await sleep(ms);
      child.kill('SIGCONT');
    },
  ],
  [
    'is busy',
    async (child, ms) => {
      child.stdin?.write(`${ms}\n`);
      await sleep(ms);
    },
  ],
];
const reasons = ({ statuses }: Transfer) => statuses.flatMap(({ reason }) => reason ?? []);
const blames = (one: Transfer) => reasons(one).map((reason) => REASONS[reason as ReasonCode].blame);

describe.concurrent.each(ways)('a process that %s', (_, beLate) => {
  it('goes on with its connection when the platform has waited', async ({ expect }) => {
    const one = await live(expect);
    await beLate(one.child, LATE_MS);
    const { length } = one.rtmp.media;
    await expect.poll(() => one.rtmp.media.length, { timeout: 20_000 }).toBeGreaterThan(length + 100);
    expect(reasons(one)).toEqual([]);
    expect(one.rtmp.connects).toHaveLength(1);
  });

  it('blames itself when the platform has not waited', async ({ expect }) => {
    const one = await live(expect);
    hangUpOnSilence(one.rtmp.sockets[0]);
    await beLate(one.child, LATE_MS);
    await expect.poll(() => one.rtmp.connects.length, { timeout: 20_000 }).toBe(2);
    await expect.poll(() => one.statuses.at(-1)?.state, { timeout: 20_000 }).toBe('live');
    expect(reasons(one)).toContain('node_overloaded');
    expect(new Set(blames(one))).toEqual(new Set(['service']));
    expect(one.statuses.find(({ reason }) => reason !== null)?.detail).toMatch(
      /^1[23]\.\d s late, and then (closed_by_platform|connection_lost)$/,
    );
  });

  it('takes an answer that came in time though it looked too late', async ({ expect }) => {
    const one = await transfer();
    await expect.poll(() => one.rtmp.sockets.length, { timeout: 20_000, interval: 1 }).toBe(1);
    await beLate(one.child, LATE_MS);
    await expect.poll(() => one.statuses.at(-1)?.state, { timeout: 20_000 }).toBe('live');
    expect(reasons(one)).toEqual([]);
    expect(one.rtmp.connects).toHaveLength(1);
  });
});

describe.concurrent('a process that is on time', () => {
  it('blames the platform that takes nothing any more', async ({ expect }) => {
    const one = await live(expect);
    one.rtmp.sockets[0]?.pause();
    await expect.poll(() => reasons(one), { timeout: 50_000 }).toEqual(['stalled']);
    expect(blames(one)).toEqual(['platform']);
  });

  it('blames the platform that hangs up', async ({ expect }) => {
    const one = await live(expect);
    one.rtmp.sockets[0]?.end();
    await expect.poll(() => reasons(one), { timeout: 20_000 }).toEqual(['closed_by_platform']);
    expect(blames(one)).toEqual(['platform']);
  });

  it('blames the platform that does not answer', async ({ expect }) => {
    const one = await transfer({ connect: () => 'ignore' });
    await expect.poll(() => reasons(one)[0], { timeout: 20_000 }).toBe('handshake_failed');
    expect(blames(one)[0]).toBe('platform');
  });
});
