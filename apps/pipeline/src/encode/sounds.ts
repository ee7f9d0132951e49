import { statSync } from 'node:fs';
import { join } from 'node:path';
import { Element, Pipeline } from '#libs/gst';
import { SOUND_FILE } from '#libs/transfer';
import { AAC_BITRATE, AUDIO_CAPS } from '../input/media-chain.js';
import { aacFrame } from '../flv/flv.js';

/** Ten minutes of AAC take 10 MB of memory for as long as they are kept; while it is encoded, a sound takes ten times as much. */
const MAX_SECONDS = 600;
/** Sounds that are kept encoded, for the transfers of one stream mostly want the same few. */
const KEPT = 4;
const DEADLINE_MS = 60_000;

const RATE = 48_000;
/** Of AUDIO_CAPS: two channels of 16 bits. */
const SAMPLE_BYTES = 4;
/** Samples of an AAC frame. */
const FRAME = 1024;
const FRAME_BYTES = FRAME * SAMPLE_BYTES;
/** What goes into voaacenc comes out so many samples later (measured, and what its source says). */
const ENCODER_DELAY = 1600;
/** Silence fed first, so that the encoder has settled; the rest of its delay to whole frames comes with it. */
const LEAD_FRAMES = 4;
const LEAD_BYTES = (LEAD_FRAMES * FRAME - (ENCODER_DELAY % FRAME)) * SAMPLE_BYTES;
/** In this frame the sound begins. */
const FIRST_FRAME = LEAD_FRAMES + Math.floor(ENCODER_DELAY / FRAME);
/** A loop is repeated up to this length to find where it ends with a frame. */
const MAX_LOOP_SECONDS = 60;
/** Given to the encoder ahead of what it has done: the rest need not be in memory twice. */
const AHEAD_FRAMES = 500;

/** The project's sound files as AAC frames, in the shape of the stream's own. */
export class Sounds {
  /** By name, version and kind; the latest used last. */
  private readonly encoded = new Map<string, Promise<Buffer[]>>();
  /** The encoding that was begun last. One at a time: each takes up to 115 MB, and a transfer may name any of a folder's files. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly mediaDir: () => string,
    private readonly encodeFile = encode,
  ) {}

  /** Message bodies, one for each 1,024 samples. Rejects for a name that is none, a file that is missing, too long or no WAV. */
  async open(file: string, loop: boolean): Promise<Buffer[]> {
    if (!SOUND_FILE.test(file)) throw new Error('its name is not that of a .wav file');
    const location = join(this.mediaDir(), file);
    const stat = statSync(location, { throwIfNoEntry: false });
    if (!stat?.isFile()) throw new Error('there is no such file');
    const key = `${file} ${stat.mtimeMs} ${stat.size} ${loop}`;
    const frames = this.encoded.get(key) ?? this.inTurn(() => this.encodeFile(location, loop));
    this.encoded.delete(key);
    this.encoded.set(key, frames);
    for (const oldest of [...this.encoded.keys()].slice(0, -KEPT)) this.encoded.delete(oldest);
    // What failed is tried again.
    frames.catch(() => this.encoded.delete(key));
    return frames;
  }

  /** Each encoding has a deadline, so a turn always comes. */
  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.last.then(work, work);
    this.last = turn.catch(() => undefined);
    return turn;
  }
}

/**
 * A frame of AAC is heard together with the one before it. So a sound that is played once has one frame more, with the silence
 * before it, and a loop is encoded as if it had always been going on: its last frame is the one before its first.
 */
async function encode(location: string, loop: boolean): Promise<Buffer[]> {
  const samples = await decode(location);
  if (samples.length === 0) throw new Error('it holds no sound');
  const sound = loop
    ? wholeFrames(Array<Buffer>(copies(samples.length / SAMPLE_BYTES)).fill(samples))
    : wholeFrames([samples]);
  const count = sound.length / FRAME_BYTES;
  const around = loop ? sound : Buffer.alloc(sound.length);
  const lead = Buffer.concat(Array<Buffer>(Math.ceil(LEAD_BYTES / around.length)).fill(around)).subarray(-LEAD_BYTES);
  // The last frames come out when more has gone in.
  const tail = Buffer.concat([around.subarray(0, 2 * FRAME_BYTES), Buffer.alloc(FRAME_BYTES)]);
  const frames = await toAac([lead, sound, tail]);
  return frames.slice(loop ? FIRST_FRAME : FIRST_FRAME - 1, FIRST_FRAME + count);
}

function wholeFrames(parts: Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat(parts, Math.ceil(length / FRAME_BYTES) * FRAME_BYTES);
}

/** How often a loop of so many samples is repeated in one sequence of frames, so that the silence that fills its last frame is shortest. */
export function copies(samples: number): number {
  let best = { count: 1, silence: Infinity };
  for (let count = 1; count === 1 || count * samples <= MAX_LOOP_SECONDS * RATE; count += 1) {
    const silence = (FRAME - ((count * samples) % FRAME)) % FRAME;
    if (silence < best.silence) best = { count, silence };
    if (silence === 0) break;
  }
  return best.count;
}

/** The file's samples by AUDIO_CAPS. */
async function decode(location: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  await run((sink, fail) => {
    sink.onSample(({ data }) => {
      length += data.length;
      if (length > MAX_SECONDS * RATE * SAMPLE_BYTES) fail(new Error(`it is longer than ${MAX_SECONDS / 60} minutes`));
      else parts.push(data);
    });
    return [
      Element.make('filesrc', { location }),
      Element.make('wavparse'),
      Element.make('audioconvert'),
      Element.make('audioresample'),
      Element.make('capsfilter', { caps: AUDIO_CAPS }),
      sink,
    ];
  });
  return Buffer.concat(parts, length);
}

async function toAac(parts: Buffer[]): Promise<Buffer[]> {
  const frames: Buffer[] = [];
  const source = Element.make('appsrc', {
    format: 'time',
    caps: `${AUDIO_CAPS},channel-mask=(bitmask)0x3`,
    'max-bytes': 0,
  });
  const pieces = parts.flatMap((part) =>
    Array.from({ length: Math.ceil(part.length / FRAME_BYTES) }, (_, i) =>
      part.subarray(i * FRAME_BYTES, (i + 1) * FRAME_BYTES),
    ),
  );
  let given = 0;
  const give = (): void => {
    if (given > pieces.length) return;
    for (; given < pieces.length && given - frames.length < AHEAD_FRAMES; given += 1)
      source.push(pieces[given] as Buffer, given === 0 ? 0 : null);
    if (given < pieces.length) return;
    source.emit('end-of-stream');
    given += 1;
  };
  await run((sink) => {
    sink.onSample(({ data }) => {
      frames.push(aacFrame(data));
      give();
    });
    return [source, Element.make('voaacenc', { bitrate: AAC_BITRATE }), sink];
  }, give);
  return frames;
}

/** Runs a chain that ends in an appsink until its media ends. Rejects with the first error. */
async function run(
  chain: (sink: Element, fail: (error: Error) => void) => Element[],
  onPlaying: () => void = () => undefined,
): Promise<void> {
  const pipeline = new Pipeline();
  let deadline: NodeJS.Timeout | undefined;
  try {
    const ended = new Promise<void>((resolve, reject) => {
      pipeline.onMessage((message) => {
        if (message.type === 'eos') resolve();
        else if (message.type === 'error') reject(new Error(`it cannot be read as a WAV file (${message.message})`));
      });
      deadline = setTimeout(() => reject(new Error('it takes too long to encode')), DEADLINE_MS);
      pipeline.chain(chain(Element.make('appsink', { sync: false }), reject));
    });
    ended.catch(() => undefined);
    await pipeline.play();
    onPlaying();
    await ended;
  } finally {
    clearTimeout(deadline);
    await pipeline.close();
  }
}

/** A sound that replaces the audio, frame by frame. */
export class Sound {
  private at = 0;

  constructor(
    private readonly frames: Buffer[],
    private readonly loop: boolean,
  ) {}

  /** Null at its end: the stream's own audio returns. */
  next(): Buffer | null {
    if (this.at >= this.frames.length && this.loop) this.at = 0;
    return this.frames[this.at++] ?? null;
  }
}
