/** A moving picture and a tone, for trying out without a camera. */
export interface TestCard {
  /** For `createStream({ customStream })`. */
  stream: MediaStream;
  /** Stops drawing and sounding, and ends the tracks. */
  stop(): void;
}

export interface TestCardOptions {
  width?: number;
  height?: number;
  fps?: number;
  /** Of the tone, Hz; 0 for no sound track at all. */
  frequency?: number;
  /** A line of text on the card. */
  label?: string;
}

const BARS = ['#c0c0c0', '#c0c000', '#00c0c0', '#00c000', '#c000c0', '#c00000', '#0000c0'];
/** About -20 dBFS: the level that broadcast lines a tone up with. */
const TONE_GAIN = 0.1;

/** Draws colour bars with a running clock and a sweeping line, and sounds a tone. The tone needs a user's gesture before it (browsers' autoplay rule). */
export function createTestCard({
  width = 1280,
  height = 720,
  fps = 30,
  frequency = 440,
  label = '',
}: TestCardOptions = {}): TestCard {
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d', { alpha: false });
  if (!context) throw new Error('This browser cannot draw.');
  const started = performance.now();
  const draw = (): void => drawCard(context, performance.now() - started, label);
  draw();
  const timer = setInterval(draw, 1000 / fps);
  const stream = canvas.captureStream(fps);
  const tone = frequency > 0 ? startTone(frequency) : undefined;
  if (tone) stream.addTrack(tone.track);
  return {
    stream,
    stop: () => {
      clearInterval(timer);
      for (const track of stream.getTracks()) track.stop();
      tone?.context.close().catch((error: unknown) => console.debug('manycast: the tone was not closed', error));
    },
  };
}

function drawCard(context: CanvasRenderingContext2D, elapsedMs: number, label: string): void {
  const { width, height } = context.canvas;
  for (const [index, colour] of BARS.entries()) {
    context.fillStyle = colour;
    context.fillRect(Math.floor((index * width) / BARS.length), 0, Math.ceil(width / BARS.length), height);
  }
  // Crosses the card in four seconds: shows at a glance whether pictures are missing.
  context.fillStyle = '#ffffff';
  context.fillRect(((elapsedMs % 4000) / 4000) * width, 0, Math.max(2, width / 160), height);
  context.fillStyle = '#101010';
  context.fillRect(0, height * 0.7, width, height * 0.3);
  context.fillStyle = '#ffffff';
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.font = `${Math.round(height * 0.12)}px monospace`;
  // The time of day down to the millisecond: held beside the far end's picture, it shows the delay.
  context.fillText(new Date().toISOString().slice(11, 23), width / 2, height * 0.8);
  context.font = `${Math.round(height * 0.06)}px sans-serif`;
  context.fillText(label, width / 2, height * 0.92, width * 0.9);
}

function startTone(frequency: number): { context: AudioContext; track: MediaStreamTrack } {
  const context = new AudioContext();
  const gain = new GainNode(context, { gain: TONE_GAIN });
  const destination = new MediaStreamAudioDestinationNode(context);
  const oscillator = new OscillatorNode(context, { frequency });
  oscillator.connect(gain).connect(destination);
  oscillator.start();
  context.resume().catch((error: unknown) => console.debug('manycast: the test card is silent', error));
  const [track] = destination.stream.getAudioTracks();
  if (!track) throw new Error('This browser makes no sound.');
  return { context, track };
}
