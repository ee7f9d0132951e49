import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { requirements } from './packages.ts';
import { ROOT } from './paths.ts';

/** Built with, or a service with an image of its own, or used by tools alone. */
const NOT_IN_THE_IMAGE = [
  'pkg-config',
  'gcc',
  'libc6-dev',
  'make',
  'redis-server',
  'postgresql',
  'ffmpeg',
  'gstreamer1.0-tools',
  'libgstreamer-plugins-bad1.0-dev',
  'libnice-dev',
  'gstreamer1.0-nice',
  'curl',
  'openssl',
  'chromium',
];

it('the image has what runs on a machine: the plugins, the libraries of what is built with their headers, the demo RTMP server', () => {
  const image = (
    readFileSync(join(ROOT, 'Dockerfile'), 'utf8')
      .split(/^FROM /m)
      .at(-1) as string
  ).replaceAll('\\\n', ' ');
  const installed = (/apt-get install -y --no-install-recommends (.*?)&&/.exec(image)?.[1] ?? '').trim().split(/\s+/);
  const needed = requirements()
    .flatMap(({ packages }) => packages)
    .filter((name) => !NOT_IN_THE_IMAGE.includes(name));
  expect(needed).toContain('gstreamer1.0-libav');
  for (const name of needed) {
    const library = /^(.*)-dev$/.exec(name)?.[1];
    // Debian puts the number of the binary interface behind a library's name: libgstreamer1.0-0.
    const isIt = (candidate: string) =>
      library === undefined
        ? candidate === name
        : candidate.startsWith(library) && /^-?\d+$/.test(candidate.slice(library.length));
    expect(installed.some(isIt), name).toBe(true);
  }
});
