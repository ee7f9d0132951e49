// A process of ours that did not look for seconds says nothing of its publisher by the time that it lost.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { Ingest } from '../../apps/pipeline/src/input/ingest.js';
import { WARM_UP_OFFER } from '../../apps/pipeline/src/input/transport/warm-up-offer.js';
import { Hub } from '../../apps/pipeline/src/stream/hub.js';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

const block = (ms: number): void => {
  const until = performance.now() + ms;
  while (performance.now() < until) continue;
};

async function open(offer: string) {
  const said: string[] = [];
  const settings = {
    mediaAddresses: ['127.0.0.1'],
    mediaPortMin: 0,
    mediaPortMax: 65_535,
    stunServer: null,
    mediaTimeoutMs: 2000,
    endsOnClose: false,
  };
  const hub = new Hub();
  const { ingest } = await Ingest.open(offer, settings, (hasVideo) => hub.openFeed(hasVideo), {
    onMedia: () => said.push('media'),
    onSilence: () => said.push('silence'),
    onClosed: (reason) => said.push(reason),
    onLeft: () => said.push('left'),
    onWarning: () => undefined,
    onProblem: () => undefined,
  });
  closing.push(
    async () => hub.close(),
    () => ingest.close(),
  );
  return { said };
}

it('a publisher that nobody asked about for six seconds has not failed to come', async () => {
  const { said } = await open(WARM_UP_OFFER);
  block(6000);
  // Two looks.
  await sleep(600);
  expect(said).toEqual([]);
  await expect.poll(() => said, { timeout: 8000 }).toContain('ice_timeout');
});
