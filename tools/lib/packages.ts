// The system packages that manycast needs: which are missing, and how they get onto the machine.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { postgresBinDir } from './postgres.ts';
import { rtmpModule } from './rtmp-server.ts';
import { runStep, StepError } from './step.ts';
import { colour, say } from './terminal.ts';
import { which } from './which.ts';

/** What a package is needed for. */
export type Use = 'core' | 'demo' | 'tests' | 'bench';

interface Requirement {
  packages: string[];
  for: Use;
  present: () => boolean;
}

const GSTREAMER = [
  'gstreamer-1.0',
  'gstreamer-app-1.0',
  'gstreamer-audio-1.0',
  'gstreamer-video-1.0',
  'gstreamer-sdp-1.0',
];

/**
 * What must be there, found by what it brings (so that another distribution's package, or one's own build, counts), and
 * the names of its packages on Debian and Ubuntu. `for` says what goes without it.
 */
export function requirements(): Requirement[] {
  const plugin = (...names: string[]) => {
    const dir = gstreamerPluginDir();
    return () => dir !== undefined && names.every((name) => existsSync(join(dir, `libgst${name}.so`)));
  };
  const program =
    (...names: string[]) =>
    () =>
      names.some((name) => which(name));
  return [
    { packages: ['pkg-config'], for: 'core', present: program('pkg-config') },
    {
      packages: ['gcc', 'libc6-dev'],
      for: 'core',
      present: () => Boolean(which('cc')) && existsSync('/usr/include/stdio.h'),
    },
    { packages: ['make'], for: 'core', present: program('make') },
    { packages: ['libgstreamer1.0-dev'], for: 'core', present: headers('gstreamer-1.0') },
    { packages: ['libgstreamer-plugins-base1.0-dev'], for: 'core', present: headers(...GSTREAMER) },
    {
      packages: ['gstreamer1.0-plugins-base'],
      for: 'core',
      present: plugin('app', 'opus', 'audiomixer', 'videotestsrc'),
    },
    { packages: ['gstreamer1.0-plugins-good'], for: 'core', present: plugin('rtp', 'rtpmanager', 'flv') },
    {
      packages: ['gstreamer1.0-plugins-bad'],
      for: 'core',
      present: plugin('rtmp2', 'videoparsersbad', 'aom'),
    },
    { packages: ['gstreamer1.0-plugins-ugly'], for: 'core', present: plugin('x264') },
    { packages: ['gstreamer1.0-libav'], for: 'core', present: plugin('libav') },
    // Of webrtcbin, by which the demo and the tests publish.
    { packages: ['libgstreamer-plugins-bad1.0-dev'], for: 'demo', present: headers('gstreamer-webrtc-1.0') },
    { packages: ['libnice-dev'], for: 'demo', present: headers('nice') },
    { packages: ['gstreamer1.0-plugins-bad'], for: 'demo', present: plugin('webrtc', 'dtls', 'srtp') },
    { packages: ['gstreamer1.0-nice'], for: 'demo', present: plugin('nice') },
    {
      packages: ['redis-server'],
      for: 'core',
      present: () => Boolean(process.env.REDIS_URL || process.env.REDIS_URL_FILE || which('redis-server')),
    },
    // The npm package carries PostgreSQL for x64 and arm64; it is not unpacked yet when this is asked.
    {
      packages: ['postgresql'],
      for: 'core',
      present: () =>
        Boolean(process.env.DATABASE_URL || process.env.DATABASE_URL_FILE) ||
        ['x64', 'arm64'].includes(process.arch) ||
        Boolean(postgresBinDir()),
    },
    { packages: ['nginx', 'libnginx-mod-rtmp'], for: 'demo', present: hasRtmpServer },
    { packages: ['ffmpeg'], for: 'demo', present: () => Boolean(which('ffmpeg') && which('ffprobe')) },
    { packages: ['gstreamer1.0-tools'], for: 'bench', present: program('gst-launch-1.0') },
    // The lines that the dashboard gives to paste are run.
    { packages: ['curl'], for: 'tests', present: program('curl') },
    { packages: ['openssl'], for: 'tests', present: program('openssl') },
    { packages: ['chromium'], for: 'tests', present: program('chromium', 'google-chrome', 'google-chrome-stable') },
  ];
}

/** Asks pkg-config; false as well when that is not installed yet. */
function headers(...modules: string[]): () => boolean {
  return () => spawnSync('pkg-config', ['--exists', ...modules]).status === 0;
}

function gstreamerPluginDir(): string | undefined {
  const asked = spawnSync('pkg-config', ['--variable=pluginsdir', 'gstreamer-1.0'], { encoding: 'utf8' });
  return asked.stdout?.trim() || undefined;
}

function hasRtmpServer(): boolean {
  const nginx = which('nginx');
  return nginx !== undefined && rtmpModule(nginx) !== undefined;
}

/** The names of the Debian packages that are missing for `uses` (core, demo, tests, bench). */
export function missingPackages(uses: Use[]): string[] {
  return requirements()
    .filter((requirement) => uses.includes(requirement.for) && !requirement.present())
    .flatMap((requirement) => requirement.packages);
}

/** Installs what is missing; where that is not possible, says what is missing and how to install it. */
export async function installPackages(uses: Use[]): Promise<void> {
  const packages = missingPackages(uses);
  if (packages.length === 0) return;
  const byHand = `  apt-get update && apt-get install --no-install-recommends ${packages.join(' ')}`;
  if (!which('apt-get')) {
    throw new StepError(
      `Missing on this machine, named as Debian and Ubuntu do:\n  ${packages.join('\n  ')}\n` +
        `There is no apt-get here (${distribution()}): install their counterparts with your package manager and run this again.`,
    );
  }
  say(`Missing system packages: ${packages.join(' ')}`);
  const elevate = elevation();
  if (!elevate) {
    throw new StepError(
      `Installing them needs root, and sudo is not available here. As root, run:\n${byHand}\nand then this again.`,
    );
  }
  await runStep({
    title: `Installing ${packages.length} system packages with apt-get`,
    log: 'packages',
    command: [...elevate, 'sh', '-c', INSTALL, 'install', ...packages],
    hint: (output) => `${refused(output, packages)}By hand, as root:\n${byHand}`,
  });
  const still = missingPackages(uses);
  if (still.length > 0) {
    throw new StepError(
      `apt-get went well, yet these do not bring what is needed here (${distribution()}): ${still.join(' ')}\n${advice(still)}`,
    );
  }
}

// Installing a server must not start it: manycast runs its own, with its own data. policy-rc.d is Debian's way to say so.
const INSTALL = `set -e
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT INT TERM
  printf '#!/bin/sh\\nexit 101\\n' > "$policy"
  chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -q update || echo "package lists not refreshed, going on with those at hand"
apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@"
`;

/** What to put before a command that needs root, or undefined when there is no way. */
function elevation(): string[] | undefined {
  if (process.getuid?.() === 0) return [];
  const sudo = which('sudo');
  if (!sudo) return undefined;
  if (spawnSync(sudo, ['-n', 'true'], { stdio: 'ignore' }).status === 0) return [sudo, '-n'];
  if (!process.stdin.isTTY) return undefined;
  say(colour('bold', 'apt-get needs root for these packages (nothing else here does): sudo asks for your password.'));
  return spawnSync(sudo, ['-v'], { stdio: 'inherit' }).status === 0 ? [sudo, '-n'] : undefined;
}

/** Names the packages that apt-get itself complained about. */
function refused(output: string, packages: string[]): string {
  const complaints = output.split('\n').filter((line) => /^(E|Err):?/.test(line));
  const named = packages.filter((name) => complaints.some((line) => line.includes(name)));
  return named.length > 0 ? `Not installable: ${named.join(' ')}\n${advice(named)}` : '';
}

function advice(packages: string[]): string {
  if (!packages.includes('chromium')) return '';
  return 'Ubuntu has Chromium only as a snap: installing Google Chrome (google-chrome-stable) serves as well.\n';
}

function distribution(): string {
  if (!existsSync('/etc/os-release')) return execFileSync('uname', ['-sr'], { encoding: 'utf8' }).trim();
  return /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'unknown system';
}
