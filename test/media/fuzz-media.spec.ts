// A short run of `npm run fuzz:media`: hostile RTP of every codec ends no process, and costs bounded memory.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import type { FuzzReport } from '../../tools/lib/fuzz/media.ts';

it('hostile RTP of every codec is answered by what its decoders make of it', async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['tools/fuzz-media.ts', '--minutes', '0.2', '--seed', '20261130'],
    { timeout: 50_000, maxBuffer: 1e7 },
  );
  const report = JSON.parse(stdout.trim().split('\n').at(-1) as string) as FuzzReport;
  expect(report.sessions).toBeGreaterThan(4);
  expect(report.samples).toBeGreaterThan(100);
  // Over real connections, too, and past their authentication.
  expect(report.connected).toBeGreaterThan(0);
  expect(report.rtpArrived).toBeGreaterThan(100);
  expect(report.rtcpArrived).toBeGreaterThan(10);
  expect(report.maxRssMb).toBeLessThan(1000);
}, 60_000);
