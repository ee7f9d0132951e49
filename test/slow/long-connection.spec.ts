// Hours of a stream over one connection, at full speed. By hand: npm run test:slow
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AllowList } from '#libs/net';
import { TransferUrl } from '#libs/transfer';
import { Output } from '../../apps/pipeline/src/output/output.js';
import { avcFrame, avcSequenceHeader } from '../../apps/pipeline/src/flv/flv.js';
import { sendAtFullSpeed } from '../../tools/bench/long-connection.ts';
import { startRtmpServer, type TestRtmpServer } from '../support/rtmp-server.js';

/** Beyond 2^32; nginx-rtmp counts from 0 again at 4,026,531,840. */
const BYTES = 4_700_000_000;

let platform: TestRtmpServer;
beforeAll(async () => {
  platform = await startRtmpServer();
});
afterAll(() => platform?.stop());

it('nginx-rtmp is sent 4.7 GB over one connection without a pause', async () => {
  const { close, ...result } = await sendAtFullSpeed(
    { Output, TransferUrl, AllowList, avcFrame, avcSequenceHeader },
    `${platform.url}/long`,
    BYTES,
  );
  console.log(result);
  expect(result).toMatchObject({ attempts: 1, reconnects: 0, droppedFrames: 0, reasons: [] });
  expect(result.bytesSent).toBeGreaterThan(BYTES);
  expect(result.worstPauseMs).toBeLessThan(1000);
  // Of messages, without the headers of their chunks.
  await expect.poll(async () => (await platform.publishers())[0]?.bytesIn).toBeGreaterThan(0.999 * BYTES);
  // It has begun anew: no figure makes sense any more.
  expect(result.bytesAcked).toBeNull();
  await close();
}, 600_000);
