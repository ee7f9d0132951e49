import { Element, Pipeline } from '#libs/gst';
import type { KeyFrame } from '../stream/hub.js';
import { AVC_CAPS } from '../input/media-chain.js';
import { AVC_HEAD } from '../flv/flv.js';

const MAX_WIDTH = 320;
/** One frame is decoded and encoded in tens of milliseconds, even a large one on a busy machine. */
const DEADLINE_MS = 3000;
const QUALITY = 75;

/** A key frame as a small JPEG. A pipeline of its own for this one frame: what is not asked for costs nothing. */
export async function thumbnail({ body, config }: KeyFrame): Promise<Buffer> {
  const pipeline = new Pipeline();
  const record = config.header.subarray(AVC_HEAD).toString('hex');
  const source = Element.make('appsrc', { format: 'time', caps: `${AVC_CAPS},codec_data=(buffer)${record}` });
  const sink = Element.make('appsink', { sync: false });
  try {
    const jpeg = new Promise<Buffer>((resolve, reject) => {
      sink.onSample(({ data }) => resolve(data));
      pipeline.onMessage((message) => {
        if (message.type === 'error') reject(new Error(message.message));
        else if (message.type === 'eos') reject(new Error('the picture cannot be decoded'));
      });
      setTimeout(() => reject(new Error('the picture takes too long to decode')), DEADLINE_MS).unref();
    });
    jpeg.catch(() => undefined);
    pipeline.chain([
      source,
      Element.make('h264parse'),
      Element.make('avdec_h264', { 'max-threads': 1 }),
      Element.make('videoconvert'),
      Element.make('videoscale'),
      Element.make('capsfilter', {
        caps: `video/x-raw,pixel-aspect-ratio=1/1,${size(config.width ?? MAX_WIDTH, config.height ?? 180)}`,
      }),
      Element.make('jpegenc', { quality: QUALITY }),
      sink,
    ]);
    await pipeline.play();
    source.push(body.subarray(AVC_HEAD), 0);
    // The decoder gives its only frame when it knows that no other comes.
    source.emit('end-of-stream');
    return await jpeg;
  } finally {
    await pipeline.close();
  }
}

function size(width: number, height: number): string {
  const scale = Math.min(1, MAX_WIDTH / width);
  return `width=${Math.round(width * scale)},height=${Math.max(1, Math.round(height * scale))}`;
}
