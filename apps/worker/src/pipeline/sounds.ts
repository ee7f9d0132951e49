import { statSync } from 'node:fs';
import { join } from 'node:path';
import { Element, Pipeline } from '#libs/gst';
import { SOUND_FILE } from '#libs/transfer';
import { AAC_BITRATE, AUDIO_CAPS } from './media-chain.js';
import { aacFrame } from './rtmp/flv.js';

/** Ten minutes of AAC take 10 MB of memory, of WAV 100 MB on disk. */
const MAX_BYTES = 200_000_000;
const ENCODE_MS = 30_000;
/** The encoder's first frames hold nothing but its run-up (1,600 samples): left out, a loop joins without a pause. */
const PRIMING_FRAMES = 1;

/** The project's sound files as AAC frames, in the shape of the stream's own. Each is encoded once. */
export class Sounds {
  private readonly encoded = new Map<string, Promise<Buffer[]>>();

  constructor(private readonly mediaDir: () => string) {}

  /** Message bodies, one for each 1,024 samples. Rejects for a name that is none, a file that is missing or no WAV. */
  open(file: string): Promise<Buffer[]> {
    const known = this.encoded.get(file);
    if (known) return known;
    const frames = encode(this.mediaDir(), file);
    this.encoded.set(file, frames);
    // A file that comes later shall be found.
    frames.catch(() => this.encoded.delete(file));
    return frames;
  }
}

async function encode(dir: string, file: string): Promise<Buffer[]> {
  if (!SOUND_FILE.test(file)) throw new Error('its name is not that of a .wav file');
  const location = join(dir, file);
  const stat = statSync(location, { throwIfNoEntry: false });
  if (!stat?.isFile()) throw new Error('there is no such file');
  if (stat.size > MAX_BYTES) throw new Error('the file is too large');
  const pipeline = new Pipeline();
  const frames: Buffer[] = [];
  try {
    const sink = Element.make('appsink', { sync: false });
    sink.onSample(({ data }) => frames.push(aacFrame(data)));
    const ended = new Promise<void>((resolve, reject) => {
      pipeline.onMessage((message) => {
        if (message.type === 'eos') resolve();
        else if (message.type === 'error') reject(new Error(message.message));
      });
      setTimeout(() => reject(new Error('it takes too long to encode')), ENCODE_MS).unref();
    });
    pipeline.chain([
      Element.make('filesrc', { location }),
      Element.make('wavparse', { 'ignore-length': true }),
      Element.make('audioconvert'),
      Element.make('audioresample'),
      Element.make('capsfilter', { caps: AUDIO_CAPS }),
      Element.make('voaacenc', { bitrate: AAC_BITRATE }),
      sink,
    ]);
    ended.catch(() => undefined);
    await pipeline.play();
    await ended;
  } finally {
    await pipeline.close();
  }
  if (frames.length <= PRIMING_FRAMES) throw new Error('it holds no sound');
  return frames.slice(PRIMING_FRAMES);
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
