import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { System } from './system.js';

/** Puts `tone.wav` into the customer's media folder: a quiet tone, two seconds, in another format than the stream's. */
export function makeTone(system: System): void {
  const sounds = join(system.env.MEDIA_DIR as string, system.appid);
  mkdirSync(sounds);
  const source = ['-f', 'lavfi', '-i', 'sine=frequency=1000:duration=2:sample_rate=22050', '-af', 'volume=0.1'];
  execFileSync('ffmpeg', ['-v', 'error', ...source, join(sounds, 'tone.wav')]);
}
