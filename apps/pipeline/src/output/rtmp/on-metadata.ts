import type { VideoConfig } from '../../stream/timeline.js';

/** onMetaData as players read it (FLV specification, annex E.5). */
export function onMetaData(config: VideoConfig | null): Record<string, string | number | boolean> {
  const audio = {
    audiocodecid: 10,
    audiosamplerate: 48_000,
    audiosamplesize: 16,
    audiochannels: 2,
    stereo: true,
    encoder: 'manycast',
  };
  return config ? { width: config.width ?? 0, height: config.height ?? 0, videocodecid: 7, ...audio } : audio;
}
