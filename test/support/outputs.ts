// An output that is connected to a scripted platform.
import { afterEach, expect } from 'vitest';
import { AllowList } from '#libs/net';
import { type TransferOptions } from '#libs/transfer';
import { type Script, type ScriptedRtmpServer, startScriptedRtmpServer } from './scripted-rtmp-server.js';
import { wantedTransfer } from './wanted-transfer.js';
import { SILENT_AUDIO } from '../../apps/pipeline/src/stream/hub.js';
import { Output, type OutputContext } from '../../apps/pipeline/src/output/output.js';
import type { WantedTransfer } from '#libs/protocol';
import { avcFrame, avcSequenceHeader } from '../../apps/pipeline/src/flv/flv.js';
import { type Frame, type VideoConfig } from '../../apps/pipeline/src/stream/timeline.js';

export const CONFIG: VideoConfig = {
  header: avcSequenceHeader(Buffer.from('0142c01effe10000', 'hex')),
  width: 640,
  height: 360,
};
export const video = (at: number, keyframe = false, config = CONFIG): Frame => ({
  kind: 'video',
  at,
  keyframe,
  body: avcFrame(Buffer.from([at & 255]), keyframe, 0),
  config,
});
export const audio = (at: number): Frame => ({ kind: 'audio', at, keyframe: false, body: SILENT_AUDIO });
export const open: (() => unknown)[] = [];

export const wanted = (port: number, options: TransferOptions = {}): WantedTransfer =>
  wantedTransfer('t', `rtmp://127.0.0.1:${port}/live/key`, { sendMetadata: false, ...options });

/** An output that is connected to a platform and has sent nothing yet. */
export async function connected(
  context: Partial<OutputContext> = {},
  options: TransferOptions = {},
  script: Script = {},
): Promise<{ rtmp: ScriptedRtmpServer; output: Output }> {
  const rtmp = await startScriptedRtmpServer(script);
  let isAsked = false;
  const output = new Output(wanted(rtmp.port, options), {
    allowList: AllowList.parse('127.0.0.1'),
    requestKeyframe: () => (isAsked = true),
    onStatus: () => undefined,
    hasVideo: () => true,
    isReorderingKnown: () => true,
    openSound: async () => [],
    ...context,
  });
  open.push(() => output.close('test').then(() => rtmp.stop()));
  output.start();
  // It wants a picture to begin with.
  await expect.poll(() => isAsked, { interval: 5 }).toBe(true);
  return { rtmp, output };
}

/** Timestamps of what arrived, without what only describes it. */
export const times = (rtmp: ScriptedRtmpServer, type: number) =>
  rtmp.media.filter((message) => message.type === type && message.body[1] !== 0).map(({ timestamp }) => timestamp);

/** Closes what the calling file's tests have opened, after each of them. */
export function useOutputs(): void {
  afterEach(async () => {
    await Promise.all(open.splice(0).map((close) => close()));
  });
}
