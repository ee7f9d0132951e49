import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, it } from 'vitest';
import { type Converted, Converter, Element, GstError, Pipeline, preload, type Sample, version } from '#libs/gst';

const open: Pipeline[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((pipeline) => pipeline.close()));
});

function newPipeline(): Pipeline {
  const pipeline = new Pipeline();
  open.push(pipeline);
  return pipeline;
}

describe('GStreamer binding', () => {
  it('says its version and loads elements by name', () => {
    expect(version).toMatch(/^GStreamer 1\./);
    expect(() => preload(['dtlsdec', 'voaacenc'])).not.toThrow();
    expect(() => preload(['no-such-element'])).toThrow('GStreamer has no element "no-such-element"');
    expect(() => Element.make('no-such-element')).toThrow('is its plugin installed?');
  });

  it('sets and reads properties of every kind, and refuses what does not fit', () => {
    const source = Element.make('videotestsrc', { 'is-live': true, pattern: 'ball', 'num-buffers': 5, name: 'source' });
    expect(source.get('is-live')).toBe(true);
    expect(source.get('pattern')).toBe('ball');
    expect(source.get('num-buffers')).toBe(5);
    expect(source.get('name')).toBe('source');
    const caps = Element.make('capsfilter', { caps: 'video/x-raw,width=(int)320' });
    expect(caps.get('caps')).toBe('video/x-raw, width=(int)320');
    expect(() => source.set({ 'is-live': 'perhaps' })).toThrow('does not take this value');
    expect(() => source.set({ pattern: 'no-such-pattern' })).toThrow('does not take this value');
    expect(() => source.set({ nonsense: 1 })).toThrow('has no property "nonsense"');
    expect(() => caps.set({ caps: 'not caps ! really' })).toThrow('does not take this value');
  });

  it('delivers samples with times, key frames and codec data', async () => {
    const pipeline = newPipeline();
    const sink = Element.make('appsink', { sync: false });
    const samples: Sample[] = [];
    sink.onSample((sample) => samples.push(sample));
    let ended = false;
    pipeline.onMessage(({ type }) => (ended ||= type === 'eos'));
    pipeline.chain([
      Element.make('videotestsrc', { 'num-buffers': 20 }),
      Element.make('capsfilter', { caps: 'video/x-raw,width=160,height=120,framerate=10/1' }),
      Element.make('x264enc', { tune: 'zerolatency', 'key-int-max': 10 }),
      Element.make('h264parse'),
      Element.make('capsfilter', { caps: 'video/x-h264,stream-format=avc,alignment=au' }),
      sink,
    ]);
    await pipeline.play();
    await expect.poll(() => ended, { timeout: 10_000 }).toBe(true);
    expect(samples).toHaveLength(20);
    expect(samples.filter(({ keyframe }) => keyframe)).toHaveLength(2);
    expect(samples[0]?.codecData?.[0]).toBe(1);
    expect(samples[0]?.caps).toContain('width=(int)160');
    expect(samples[1]?.caps).toBeUndefined();
    const times = samples.map(({ pts }) => Math.round((pts as number) / 1e6));
    expect(times).toEqual(Array.from({ length: 20 }, (_, i) => i * 100));
  });

  it('takes buffers into an appsrc, empty ones too', async () => {
    const pipeline = newPipeline();
    const source = Element.make('appsrc', {
      caps: 'audio/x-raw,format=S16LE,rate=48000,channels=1,layout=interleaved',
      format: 'time',
    });
    const sink = Element.make('appsink', { sync: false });
    let bytes = 0;
    sink.onSample(({ data }) => (bytes += data.length));
    pipeline.chain([source, sink]);
    await pipeline.play();
    for (let i = 0; i < 5; i += 1) expect(source.push(Buffer.alloc(i === 2 ? 0 : 960), i * 1e7, 1e7)).toBe(true);
    await expect.poll(() => bytes).toBe(4 * 960);
  });

  it('works on the thread of who calls it: what comes out is there when the call returns', async () => {
    const pipeline = newPipeline();
    const first = Element.make('audioconvert');
    const sink = Element.make('appsink', { sync: false });
    pipeline.chain([
      first,
      Element.make('capsfilter', { caps: 'audio/x-raw,format=S16LE,layout=interleaved,channels=1,rate=48000' }),
      sink,
    ]);
    await pipeline.play();
    expect(() => Converter.into(first, sink, 'no caps at all !')).toThrow('are no caps');
    const converter = Converter.into(
      first,
      sink,
      'audio/x-raw,format=S16LE,layout=interleaved,channels=2,rate=48000,channel-mask=(bitmask)0x3',
    );
    expect(() => Converter.into(first, sink, 'audio/x-raw')).toThrow('takes nothing from us');
    expect(converter.push(Buffer.alloc(960), 7e6)).toEqual([{ data: Buffer.alloc(480), pts: 7e6 }]);
    // Times of a hostile publisher: none becomes one that is centuries ahead.
    for (const [time, pts] of [
      [-5e6, 0],
      [NaN, 0],
      [1e30, 2 ** 63],
    ] as const)
      expect(converter.push(Buffer.alloc(960), time)[0]?.pts).toBe(pts);
    expect(() => converter.push(Buffer.alloc(0), 0)).toThrow('not empty');
    await pipeline.close();
    expect(converter.push(Buffer.alloc(960), 8e6)).toEqual([]);
    expect(converter.gap(9e6, 1e6)).toEqual([]);
  });

  it('has a decoder fill a gap in what it is given', async () => {
    const packets: Buffer[] = [];
    const source = newPipeline();
    const made = Element.make('appsink', { sync: false });
    made.onSample(({ data }) => packets.push(data));
    source.chain([
      Element.make('audiotestsrc', { 'num-buffers': 10, samplesperbuffer: 960 }),
      Element.make('capsfilter', { caps: 'audio/x-raw,rate=48000,channels=2' }),
      Element.make('opusenc'),
      made,
    ]);
    await source.play();
    await expect.poll(() => packets.length, { timeout: 5000 }).toBeGreaterThan(5);
    const pipeline = newPipeline();
    const [decoder, sink] = [Element.make('opusdec', { plc: true }), Element.make('appsink', { sync: false })];
    pipeline.chain([decoder, sink]);
    await pipeline.play();
    const converter = Converter.into(decoder, sink, 'audio/x-opus,channels=2,rate=48000,channel-mapping-family=0');
    const ms = (made: Converted[]): number[] => made.map(({ pts }) => (pts as number) / 1e6);
    expect(ms(converter.push(packets[0] as Buffer, 0))).toEqual([0]);
    expect(ms(converter.gap(20e6, 40e6))).toEqual([20]);
    expect(ms(converter.push(packets[3] as Buffer, 60e6))).toEqual([60]);
  });

  it('reports an error of an element as a message, and a pipeline that cannot start as a rejection', async () => {
    const pipeline = newPipeline();
    const messages: string[] = [];
    pipeline.onMessage((message) => message.type === 'error' && messages.push(message.message));
    pipeline.chain([Element.make('filesrc', { location: '/nonexistent/file' }), Element.make('fakesink')]);
    await expect(pipeline.play()).rejects.toThrow(GstError);
    await expect.poll(() => messages.join()).toContain('Resource not found');
  });

  it('says which signals and arguments an object does not take', () => {
    const element = Element.make('appsrc');
    expect(() => element.emit('no-such-signal')).toThrow('has no signal');
    expect(() => element.emit('push-sample', 7)).toThrow('does not take argument');
  });

  it('frees what is closed, whatever has listened to it', async () => {
    const gone: WeakRef<object>[] = [];
    const once = async (): Promise<void> => {
      const pipeline = new Pipeline();
      const sink = Element.make('appsink', { sync: false });
      const listener = { pipeline, heard: 0 };
      sink.onSample(() => (listener.heard += 1));
      pipeline.on('element-added', () => (listener.heard += 1));
      const ended = new Promise<void>((resolve) =>
        pipeline.onMessage(({ type }) => type === 'eos' && listener.heard > 1 && resolve()),
      );
      pipeline.chain([Element.make('audiotestsrc', { 'num-buffers': 1 }), sink]);
      await pipeline.play();
      await ended;
      await pipeline.close();
      gone.push(new WeakRef(pipeline), new WeakRef(listener));
    };
    for (let i = 0; i < 10; i += 1) await once();
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    // The last one may still be on somebody's stack.
    await expect.poll(() => (collect(), gone.filter((one) => one.deref()).length)).toBeLessThanOrEqual(2);
  });

  it('lets no input fill the log with warnings of GLib', async () => {
    const script = `
      const gst = require('./libs/build/gst.node');
      gst.init(() => undefined);
      const queue = gst.make('queue');
      for (let i = 0; i < 1000; i += 1) try { gst.connect(queue, 'no-such-signal-' + 'x'.repeat(2000), 1); } catch {}`;
    const { stderr } = await promisify(execFile)(process.execPath, ['-e', script], { cwd: process.cwd() });
    const lines = stderr.trim().split('\n');
    expect(lines[0]).toContain('no-such-signal');
    expect(lines).toHaveLength(30);
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThan(400);
  });

  it('drops many pairs of DTLS elements at once without ending the process', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const pair = async (): Promise<void> => {
      const pipeline = new Pipeline();
      const id = { 'connection-id': randomUUID() };
      const [decoder, encoder] = [Element.make('dtlsdec', id), Element.make('dtlsenc', id)];
      for (const element of [decoder, encoder]) element.on('on-key-received', () => undefined);
      const [source, sink] = [
        Element.make('appsrc', { caps: 'application/x-dtls' }),
        Element.make('appsink', { async: false }),
      ];
      pipeline.add(source, decoder, encoder, sink);
      source.link(decoder);
      encoder.link(sink);
      await pipeline.play();
      await pipeline.close();
    };
    for (let i = 0; i < 60; i += 1) {
      await expect(Promise.all(Array.from({ length: 5 }, pair))).resolves.toHaveLength(5);
      collect();
    }
  }, 30_000);
});
