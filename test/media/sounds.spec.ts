// Sound files as AAC: where they begin and end, how they loop, and what is said of those that are none.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Sound, Sounds } from '../../apps/pipeline/src/encode/sounds.js';

const RATE = 48_000;
const FRAME = 1024;
const dir = mkdtempSync(join(tmpdir(), 'mc-sounds-'));
const sounds = new Sounds(() => dir);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

interface Wav {
  rate?: number;
  /** What the header says of the data's length, where that is not the truth. */
  says?: number;
  behind?: Buffer;
  /** RF64 in place of RIFF (EBU Tech 3306). */
  rf64?: boolean;
}

/** A WAV file, mono, 16 bits, of these samples (-1 to 1). */
function wav(samples: number[], { rate = RATE, says, behind = Buffer.alloc(0), rf64 = false }: Wav = {}): Buffer {
  const data = Buffer.alloc(samples.length * 2);
  samples.forEach((sample, i) => data.writeInt16LE(Math.round(sample * 32_000), i * 2));
  const chunk = (name: string, body: Buffer, length = body.length): Buffer => {
    const head = Buffer.from(`${name}....`);
    head.writeUInt32LE(length, 4);
    return Buffer.concat([head, body]);
  };
  const format = Buffer.alloc(16);
  format.writeUInt16LE(1, 0);
  format.writeUInt16LE(1, 2);
  format.writeUInt32LE(rate, 4);
  format.writeUInt32LE(rate * 2, 8);
  format.writeUInt16LE(2, 12);
  format.writeUInt16LE(16, 14);
  const sizes = Buffer.alloc(28);
  sizes.writeBigUInt64LE(BigInt(data.length), 8);
  sizes.writeBigUInt64LE(BigInt(samples.length), 16);
  const inside = [
    ...(rf64 ? [chunk('ds64', sizes)] : []),
    chunk('fmt ', format),
    chunk('data', data, rf64 ? 0xffffffff : says),
    behind,
  ];
  return chunk(rf64 ? 'RF64' : 'RIFF', Buffer.concat([Buffer.from('WAVE'), ...inside]), rf64 ? 0xffffffff : undefined);
}

const sine = (seconds: number, hertz: number, rate = RATE): number[] =>
  Array.from({ length: Math.round(seconds * rate) }, (_, i) => 0.4 * Math.sin((2 * Math.PI * hertz * i) / rate));
const silence = (seconds: number): number[] => Array<number>(Math.round(seconds * RATE)).fill(0);

/** What a platform's decoder makes of these frames: samples of one channel, -1 to 1. */
function heard(bodies: Buffer[]): Float64Array {
  const file = join(dir, 'heard.aac');
  writeFileSync(
    file,
    Buffer.concat(
      bodies.map((body) => {
        const length = body.length - 2 + 7;
        const head = Buffer.from([
          0xff,
          0xf1,
          0x4c,
          0x80 | (length >> 11),
          (length >> 3) & 0xff,
          ((length & 7) << 5) | 0x1f,
          0xfc,
        ]);
        return Buffer.concat([head, body.subarray(2)]);
      }),
    ),
  );
  const raw = execFileSync('ffmpeg', ['-v', 'error', '-i', file, '-ac', '1', '-f', 's16le', '-'], {
    maxBuffer: 1 << 28,
  });
  return Float64Array.from({ length: raw.length / 2 }, (_, i) => raw.readInt16LE(i * 2) / 32_768);
}

const level = (samples: Float64Array): number =>
  Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);

/** First and last moment (ms) at which a millisecond is at least half as loud as the loudest. */
function extent(samples: Float64Array): { from: number; to: number } {
  const levels = Array.from({ length: Math.floor(samples.length / 48) }, (_, i) =>
    level(samples.subarray(i * 48, (i + 1) * 48)),
  );
  const half = Math.max(...levels) / 2;
  return { from: levels.findIndex((one) => one > half), to: levels.findLastIndex((one) => one > half) + 1 };
}

let files = 0;
async function open(content: Buffer, loop = false): Promise<Buffer[]> {
  files += 1;
  writeFileSync(join(dir, `${files}.wav`), content);
  return sounds.open(`${files}.wav`, loop);
}

const FRAME_MS = (FRAME / RATE) * 1000;

describe('a sound', () => {
  it.each([
    ['at the very beginning and end', 0, 2],
    ['in the middle', 0.5, 0.7],
  ])('is whole, to the millisecond: a tone %s', async (_, before, seconds) => {
    const frames = await open(wav([...silence(before), ...sine(seconds, 1000), ...silence(before)]));
    // One more than its length, for a frame is heard together with the one before.
    expect(frames).toHaveLength(Math.ceil(((seconds + 2 * before) * RATE) / FRAME) + 1);
    const { from, to } = extent(heard(frames));
    expect(Math.abs(from - (FRAME_MS + before * 1000))).toBeLessThan(3);
    expect(Math.abs(to - (FRAME_MS + (before + seconds) * 1000))).toBeLessThan(3);
  });

  it('in another format is as long', async () => {
    const { from, to } = extent(heard(await open(wav(sine(2, 1000, 22_050), { rate: 22_050 }))));
    expect(Math.abs(to - from - 2000)).toBeLessThan(4);
  });

  it.each([
    ['whole frames', (47 * FRAME) / RATE, 3000],
    ['two seconds', 2, 1000],
    ['less than a frame', 0.01, 1000],
  ])('that loops has no seam: %s', async (_, seconds, hertz) => {
    const sound = new Sound(await open(wav(sine(seconds, hertz)), true), true);
    const played = heard(
      Array.from({ length: Math.ceil((3 * Math.max(seconds, 1) * RATE) / FRAME) }, () => sound.next() as Buffer),
    ).subarray(2 * FRAME);
    const levels = Array.from({ length: Math.floor(played.length / 240) }, (__, i) =>
      level(played.subarray(i * 240, (i + 1) * 240)),
    );
    expect(Math.min(...levels) / Math.max(...levels)).toBeGreaterThan(0.9);
  });
});

describe('a WAV file', () => {
  const tone = sine(0.5, 1000);
  const id3 = Buffer.concat([Buffer.from('id3 '), Buffer.from([0, 0x10, 0, 0]), Buffer.alloc(4096, 0x5a)]);

  it.each<[string, Buffer]>([
    ['with other chunks behind its sound', wav(tone, { behind: id3 })],
    ['that does not say its length', wav(tone, { says: 0 })],
    ['that says the greatest length', wav(tone, { says: 0xffffffff })],
    ['that was cut off', wav(sine(1, 1000)).subarray(0, 44 + RATE)],
    ['of the kind for great lengths', wav(tone, { rf64: true })],
  ])('%s is played as long as it sounds', async (_, content) => {
    const frames = await open(content);
    expect(frames).toHaveLength(25);
    const { from, to } = extent(heard(frames));
    expect(Math.abs(to - from - 500)).toBeLessThan(3);
  });

  it.each<[string, Buffer, string]>([
    ['that is none', Buffer.from('<html></html>'), 'it cannot be read as a WAV file'],
    ['that is empty', Buffer.alloc(0), 'it cannot be read as a WAV file'],
    ['without sound', wav([]), 'it holds no sound'],
    ['longer than ten minutes', wav(Array<number>(601 * 8000).fill(0), { rate: 8000 }), 'it is longer than 10 minutes'],
  ])('%s is refused', async (_, content, message) => expect(open(content)).rejects.toThrow(message));

  it('that is missing or named oddly is refused', async () => {
    await expect(sounds.open('none.wav', false)).rejects.toThrow('there is no such file');
    await expect(sounds.open('../none.wav', false)).rejects.toThrow('its name');
  });

  it('that is replaced is read anew, and not otherwise', async () => {
    writeFileSync(join(dir, 'same.wav'), wav(sine(0.2, 500)));
    const frames = await sounds.open('same.wav', false);
    expect(await sounds.open('same.wav', false)).toBe(frames);
    writeFileSync(join(dir, 'same.wav'), wav(sine(0.4, 500)));
    const next = await sounds.open('same.wav', false);
    expect(next.length).toBeGreaterThan(frames.length);
    // Only the last few are kept.
    for (let i = 0; i < 4; i += 1) await open(wav(sine(0.1, 500)));
    expect(await sounds.open('same.wav', false)).not.toBe(next);
  });
});
