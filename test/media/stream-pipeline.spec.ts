// The stream of a pipeline process, without the process: what happens to one transfer is no matter of the others.
import { afterEach, expect, it } from 'vitest';
import type { PipelineEvents, TransferStatus } from '#libs/protocol';
import { StreamPipeline } from '../../apps/pipeline/src/stream/stream-pipeline.js';
import { startScriptedRtmpServer } from '../support/scripted-rtmp-server.js';
import { wantedTransfer } from '../support/wanted-transfer.js';

const SETTINGS = {
  reconnectWindowMs: 1000,
  mediaTimeoutMs: 1000,
  keyFrameIntervalMs: 0,
  orphanTimeoutMs: 1000,
  mediaAddresses: ['127.0.0.1'],
  mediaPortMin: 0,
  mediaPortMax: 65_535,
  stunServer: null,
  allowedPrivateHosts: '127.0.0.1',
  mediaDir: '/nonexistent',
};
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function started() {
  const rtmp = await startScriptedRtmpServer();
  const statuses: TransferStatus[] = [];
  const send = <E extends keyof PipelineEvents>(event: E, body: PipelineEvents[E]): unknown =>
    event === 'transfer' && statuses.push(body as TransferStatus);
  const pipeline = new StreamPipeline(send, () => undefined);
  closers.push(
    () => rtmp.stop(),
    () => pipeline.stop(),
  );
  pipeline.claim({ streamId: 's', epoch: 1, settings: SETTINGS });
  const wanted = (id: string, options = {}) => wantedTransfer(id, `rtmp://127.0.0.1:${rtmp.port}/live/${id}`, options);
  const publishes = () => rtmp.commands.flatMap(([name, , key]) => (name === 'publish' ? [key] : []));
  return { pipeline, statuses, wanted, publishes };
}

it('a transfer that cannot be made has failed by a fault of the service; those after it are made', async () => {
  const { pipeline, statuses, wanted, publishes } = await started();
  // No check of the API lets this pass.
  const impossible = wanted('bad', { height: 90, bitrate: 'much' });
  pipeline.setTransfers({ transfers: [impossible, wanted('good')] });
  await expect.poll(publishes).toEqual(['good']);
  const last = (id: string) => statuses.findLast((status) => status.id === id);
  expect(last('bad')).toMatchObject({
    state: 'failed',
    reason: 'service_error',
    detail: expect.stringContaining('bitrate'),
  });
  // A change mends it.
  pipeline.setTransfers({ transfers: [wanted('bad'), wanted('good')] });
  await expect.poll(publishes).toEqual(['good', 'bad']);
  expect(last('bad')).toMatchObject({ state: 'connecting' });
  // And one that runs already may become impossible.
  pipeline.setTransfers({
    transfers: [wanted('good', { height: 90, bitrate: 'much' }), wanted('bad', { muted: true })],
  });
  expect(last('good')).toMatchObject({ state: 'failed', reason: 'service_error' });
  expect(pipeline.snapshot().transfers.map(({ id }) => id)).toEqual(['bad']);
});

it('a transfer that is removed says its totals when it has ended', async () => {
  const { pipeline, statuses, wanted, publishes } = await started();
  pipeline.setTransfers({ transfers: [wanted('gone'), wanted('stays')] });
  await expect.poll(() => publishes().length).toBe(2);
  pipeline.setTransfers({ transfers: [wanted('stays')] });
  await expect
    .poll(() => statuses.filter(({ state }) => state === 'ended'))
    .toEqual([
      expect.objectContaining({
        id: 'gone',
        reason: 'removed',
        figures: expect.objectContaining({ bytesSent: expect.any(Number), droppedFrames: 0, reconnects: 0 }),
      }),
    ]);
});
