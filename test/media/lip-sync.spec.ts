// Pictures of a stream, and what the network does to it: to the step of lips and voice, to the round trip.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { publishTestStream, type TestPublisher } from '../../tools/lib/whip-publisher.ts';
import { decodeFrames, lipSync, missingPictures, picture, pictures } from '../support/ffprobe.js';
import { startLossyRelay } from '../support/lossy-relay.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { useInputs, system, platform, entryPoint, forwarded, recorded, figures } from '../support/inputs.js';

useInputs();

const CLAPS = 8;
/** Half of a clap, half of a pause. */
const CLAP_MS = 400;
/** The AAC encoder gives back what it hears so much later (1,600 samples): nobody notices less than 125 ms (ITU-R BT.1359-1). */
const ENCODER_MS = 33;
/** On a good network it is 3 ms at most; before the publisher's first reports, what the network made of the first packets. */
const MOST_OFF_MS = 40;

describe('a picture of a stream', () => {
  const look = async (id: string) => {
    const jpeg = await system.thumbnail(id);
    if (jpeg === null) return null;
    const file = join(system.runDir, 'thumbnail.jpg');
    await writeFile(file, jpeg);
    return picture(file);
  };

  it('is its latest key frame, small and in its own shape', async () => {
    const { id, publisher } = await forwarded('seen', { pattern: 'red', width: 1280, height: 720, kbps: 800 });
    expect(await look(id)).toMatchObject({ width: 320, height: 180 });
    const [red, green, blue] = (await look(id))?.colour ?? [0, 0, 0];
    expect(red).toBeGreaterThan(200);
    expect(Math.max(green, blue)).toBeLessThan(60);
    publisher.setSize(360, 640);
    await expect.poll(() => look(id), { timeout: 15_000 }).toMatchObject({ width: 320, height: 569 });
    await publisher.stop();
  });

  it('is of no use to who sends none', async () => {
    const { id, publisher } = await forwarded('heard', { video: false });
    expect(await look(id)).toBeNull();
    await publisher.stop();
  });
});

describe('lips', () => {
  /** Claps: the picture is white while the tone is heard. Resolves after the last. */
  async function clapping(publisher: TestPublisher): Promise<void> {
    let changes = 0;
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        publisher.clap((changes += 1) % 2 === 1);
        if (changes < 2 * CLAPS) return;
        clearInterval(timer);
        resolve();
      }, CLAP_MS);
    });
  }

  it.each([
    ['on a good network', 0, 0, {}, 0],
    // Where the beginning of a clap was lost for good, it is seen or heard late.
    ['where packets are lost on a long way', 0.03, 40, {}, 2],
    ['when the picture is transcoded', 0, 0, { height: 90 }, 0],
  ])('are in step with the voice %s', async (_, loss, delayMs, options, mostLost) => {
    const name = `lips-${loss * 100}-${Object.keys(options).length}`;
    const relay = await startLossyRelay(loss, delayMs);
    const publisher = await publishTestStream({
      url: entryPoint.whipUrl(name),
      token: entryPoint.token,
      localAddress: '127.0.0.1',
      width: 320,
      height: 180,
      kbps: 300,
      pattern: 'black',
      claps: true,
      mapOffer: relay.mapOffer,
      mapAnswer: relay.mapAnswer,
    });
    publisher.clap(false);
    const { id } = await system.stream(name);
    const transfer = await system.addTransfer(id, { url: `${platform.url}/${name}`, ...options });
    await system.transferReaches(id, transfer.id, 'live');
    await clapping(publisher);
    await publisher.stop();
    const late = await lipSync((await recorded(name)).file);
    const { seen, heard } = publisher.claps();
    expect([late, seen, heard].map(({ length }) => length)).toEqual([CLAPS, CLAPS, CLAPS]);
    // On a busy machine the publisher's own picture and sound do not begin at the same moment.
    const off = late.map((ms, i) => Math.round(ms - ENCODER_MS - ((heard[i] as number) - (seen[i] as number))));
    expect(off.filter((ms) => Math.abs(ms) > MOST_OFF_MS).length, `${off.join(', ')} ms`).toBeLessThanOrEqual(mostLost);
    await relay.stop();
  });
});

it('the round trip to a publisher far away is known as soon as a packet was lost', async () => {
  const relay = await startLossyRelay(0.02, 40);
  const { publisher } = await forwarded('far', {
    remember: true,
    mapOffer: relay.mapOffer,
    mapAnswer: relay.mapAnswer,
  });
  await expect.poll(async () => (await figures('far'))?.rttMs, { timeout: 20_000 }).toBeGreaterThan(0);
  expect((await figures('far'))?.rttMs).toSatisfy((ms: number) => ms > 75 && ms < 160);
  await publisher.stop();
  // And time enough to send it again.
  expect(missingPictures(publisher.sent(), await pictures((await recorded('far')).file))).toEqual([]);
  await relay.stop();
});

it('a platform may be reached over IPv6', async () => {
  const proxy = await startTcpProxy(platform.port, '::1');
  const { publisher } = await forwarded('six', { remember: true }, `rtmp://[::1]:${proxy.port}/live/six`);
  expect(await decodeFrames(`${platform.url}/six`, { frames: 30 })).toBe(30);
  await publisher.stop();
  expect(missingPictures(publisher.sent(), await pictures((await recorded('six')).file))).toEqual([]);
  await proxy.stop();
});
