import { execFileSync } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { AllowList } from '#libs/net';
import { TransferUrl, type TransferError } from '#libs/transfer';
import { RtmpPublisher } from '../../apps/pipeline/src/output/rtmp/rtmp-publisher.js';
import { decodeFrames, probe, steps } from '../support/ffprobe.js';
import { freePort } from '../support/ports.js';
import { startRtmpServer, type TestRtmpServer } from '../support/rtmp-server.js';

const SECONDS = 6;
const loopback = AllowList.parse('127.0.0.0/8');

interface Tag {
  type: 'audio' | 'video';
  timestamp: number;
  body: Buffer;
}

/** The tags of an FLV file (Adobe FLV specification 10.1, annex E.3): their bodies are what RTMP messages carry. */
function readTags(flv: Buffer): Tag[] {
  const tags: Tag[] = [];
  for (let at = 9 + 4; at + 11 <= flv.length;) {
    const length = flv.readUIntBE(at + 1, 3);
    const timestamp = flv.readUIntBE(at + 4, 3) + (flv[at + 7] as number) * 0x1000000;
    const type = flv[at];
    if (type === 8 || type === 9)
      tags.push({ type: type === 8 ? 'audio' : 'video', timestamp, body: flv.subarray(at + 11, at + 11 + length) });
    at += 11 + length + 4;
  }
  return tags;
}

/** H.264 and AAC with a key frame each second, as a browser's stream leaves the hub; so full of noise that key frames take more than one chunk. */
function makeTags(): Tag[] {
  const dir = mkdtempSync(join(tmpdir(), 'rtmp-publisher-'));
  try {
    const file = join(dir, 'media.flv');
    const sources = [
      '-f',
      'lavfi',
      '-i',
      `testsrc2=size=640x360:rate=25:duration=${SECONDS},noise=alls=40`,
      '-f',
      'lavfi',
      '-i',
      `sine=frequency=440:sample_rate=48000:duration=${SECONDS}`,
    ];
    const video = [
      '-c:v',
      'libx264',
      '-preset',
      'ultrafast',
      '-tune',
      'zerolatency',
      '-g',
      '25',
      '-qp',
      '16',
      '-pix_fmt',
      'yuv420p',
    ];
    execFileSync('ffmpeg', ['-v', 'error', ...sources, ...video, '-c:a', 'aac', '-ac', '2', '-f', 'flv', file]);
    return readTags(readFileSync(file));
  } finally {
    rmSync(dir, { recursive: true });
  }
}

let tags: Tag[];
let platform: TestRtmpServer;
let publishers: RtmpPublisher[] = [];

beforeAll(async () => {
  tags = makeTags();
  platform = await startRtmpServer({ record: true });
});

afterEach(async () => {
  await Promise.all(publishers.splice(0).map((publisher) => publisher.close({ clean: false, deadlineMs: 0 })));
});

afterAll(() => platform?.stop());

async function connect(url: string): Promise<RtmpPublisher> {
  const publisher = await RtmpPublisher.connect(
    TransferUrl.parse(url).target,
    { allowList: loopback },
    AbortSignal.timeout(10_000),
  );
  publishers.push(publisher);
  return publisher;
}

const failure = (url: string): Promise<TransferError> =>
  connect(url).then(
    () => expect.unreachable('published'),
    (error: TransferError) => error,
  );

/** Sends the tags when they are due, their times moved by `offset`. */
function play(publisher: RtmpPublisher, offset = 0): Promise<void> {
  const began = performance.now();
  let next = 0;
  publisher.sendMetadata({
    width: 640,
    height: 360,
    videocodecid: 7,
    audiocodecid: 10,
    audiosamplerate: 48_000,
    stereo: true,
  });
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      for (let tag = tags[next]; tag && tag.timestamp <= performance.now() - began; tag = tags[next]) {
        if (tag.type === 'audio') publisher.sendAudio(offset + tag.timestamp, tag.body);
        else publisher.sendVideo(offset + tag.timestamp, tag.body);
        next += 1;
      }
      if (next < tags.length) return;
      clearInterval(timer);
      resolve();
    }, 10);
  });
}

describe('RtmpPublisher with nginx-rtmp', () => {
  it('publishes what a viewer can play, in order and without a gap, and ends the broadcast', async () => {
    const publisher = await connect(`${platform.url}/smooth?token=x/y`);
    let ended: TransferError | null | undefined;
    publisher.onClose((error) => (ended = error));
    const played = play(publisher);
    const { video, audio, streams } = await probe(`${platform.url}/smooth`, { seconds: 3 });
    expect(streams.map(({ codec_name }) => codec_name).toSorted()).toEqual(['aac', 'h264']);
    expect(streams.find(({ codec_type }) => codec_type === 'video')).toMatchObject({ width: 640, height: 360 });
    // 3 s, less what passes until the next key frame.
    expect(video.length).toBeGreaterThanOrEqual(50);
    for (const packets of [video, audio]) {
      expect(steps(packets).smallest).toBeGreaterThan(0);
      expect(steps(packets).largest).toBeLessThanOrEqual(41);
    }
    await played;
    expect(ended).toBeUndefined();
    await expect.poll(() => publisher.queuedBytes).toBe(0);
    await publisher.close({ clean: true, deadlineMs: 2000 });
    expect(ended).toBeNull();
    await expect.poll(() => platform.publishers()).toEqual([]);
    const recorded = (await platform.recordings()).find((file) => file.includes('/smooth')) as string;
    expect(await decodeFrames(recorded, { seconds: 2 * SECONDS })).toBe(
      tags.filter(({ type, body }) => type === 'video' && body[1] === 1).length,
    );
  });

  it('is understood where the timestamps get longer than 24 bits (4 h 39 min)', async () => {
    const publisher = await connect(`${platform.url}/late`);
    // Half of the media before the edge, half after it; beyond it, each further chunk of a frame repeats the timestamp.
    expect(Math.max(...tags.map(({ body }) => body.length))).toBeGreaterThan(65_536);
    await play(publisher, 0xffffff - (SECONDS * 1000) / 2);
    await publisher.close({ clean: true, deadlineMs: 2000 });
    await expect.poll(() => platform.publishers()).toEqual([]);
    const tagsThere = readTags(
      readFileSync((await platform.recordings()).find((file) => file.includes('/late')) as string),
    );
    const frames = (list: Tag[]) =>
      list
        .filter(({ type }) => type === 'video')
        .map(({ timestamp, body }) => [timestamp - (list[0] as Tag).timestamp, body.length]);
    expect(frames(tagsThere)).toEqual(frames(tags));
  });

  it('is told of a name in use, and the first one goes on', async () => {
    const first = await connect(`${platform.url}/taken-KEY`);
    const playing = play(first);
    await expect.poll(async () => (await platform.publishers()).length).toBe(1);
    const error = await failure(`${platform.url}/taken-KEY`);
    expect(error.code).toBe('stream_name_in_use');
    expect(String(error)).not.toContain('KEY');
    let ended = false;
    first.onClose(() => (ended = true));
    await playing;
    expect(ended).toBe(false);
  });

  it('is told that there is no such application', async () => {
    const error = await failure(`rtmp://127.0.0.1:${platform.port}/nothing/KEY`);
    expect(error.code).toBe('closed_by_platform');
    expect(error.detail).toContain('in answer to connect');
    expect(String(error)).not.toContain('KEY');
  });

  it('is told that nobody listens', async () => {
    expect((await failure(`rtmp://127.0.0.1:${await freePort()}/live/x`)).code).toBe('tcp_refused');
  });

  it('reports a platform that ends the broadcast', async () => {
    const publisher = await connect(`${platform.url}/dropped`);
    const ended = new Promise<TransferError | null>((resolve) => publisher.onClose(resolve));
    void play(publisher);
    await expect.poll(async () => (await platform.publishers()).length).toBe(1);
    await platform.dropPublisher('dropped');
    expect((await ended)?.code).toMatch(/^(closed_by_platform|connection_lost)$/);
  });
});

describe('RtmpPublisher with a platform that checks keys', () => {
  let keys: Server;
  let checking: TestRtmpServer;

  beforeAll(async () => {
    keys = createServer((request, response) => {
      let body = '';
      request.on('data', (data: Buffer) => (body += data.toString()));
      request.on('end', () => response.writeHead(body.includes('name=good') ? 200 : 403).end());
    });
    await new Promise<void>((resolve) => keys.listen(0, '127.0.0.1', resolve));
    checking = await startRtmpServer({ onPublishUrl: `http://127.0.0.1:${(keys.address() as AddressInfo).port}/` });
  });

  afterAll(async () => {
    await checking?.stop();
    keys?.close();
  });

  it('is let in with the right key, and told of a wrong one', async () => {
    await connect(`${checking.url}/good`);
    await expect.poll(async () => (await checking.publishers()).length).toBe(1);
    const error = await failure(`${checking.url}/bad-KEY`);
    expect(error.code).toBe('closed_by_platform');
    expect(error.detail).toContain('in answer to publish');
    expect(String(error)).not.toContain('KEY');
  });
});
