// What the test publisher has of GStreamer's webrtcbin.
import { afterEach, expect, it } from 'vitest';
import { GstError, Pipeline, Element } from '#libs/gst';
import { WebrtcBin } from '../../tools/test-publisher/webrtcbin.mjs';

const pipelines: Pipeline[] = [];
afterEach(async () => {
  await Promise.all(pipelines.splice(0).map((pipeline) => pipeline.close()));
});

async function playing() {
  const pipeline = new Pipeline();
  pipelines.push(pipeline);
  const webrtc = WebrtcBin.create({ 'bundle-policy': 'max-bundle' });
  pipeline.add(webrtc);
  await pipeline.play();
  return { pipeline, webrtc };
}

it('answers action signals that promise, and rejects what they refuse', async () => {
  const { webrtc } = await playing();
  expect(webrtc.localDescription).toBeNull();
  const sdp = 'v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n';
  await expect(webrtc.ask('set-remote-description', { type: 'answer', sdp })).rejects.toThrow(GstError);
  await expect(webrtc.ask('no-such-signal', null)).rejects.toThrow('has no signal');
});

it('sets a property of what a signal brings, before the emitter goes on', async () => {
  const pipeline = new Pipeline();
  pipelines.push(pipeline);
  const bin = new WebrtcBin(pipeline.handle);
  bin.setOnSignal('element-added', 'silent', 'false');
  const element = Element.make('identity');
  expect(element.get('silent')).toBe(true);
  pipeline.add(element);
  expect(element.get('silent')).toBe(false);
  expect(() => bin.setOnSignal('no-such-signal', 'name', 'x')).toThrow('has no signal');
});

it('many are made and closed without hanging', async () => {
  for (let i = 0; i < 20; i += 1) {
    const { pipeline } = await playing();
    await expect(pipeline.close()).resolves.toBeUndefined();
  }
});
