import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildAddon, buildDashboard, buildPublisher, compile, generateClient, installDependencies } from './build.mjs';
import { lock } from './lock.mjs';
import { installPackages } from './packages.mjs';
import { ROOT, STATE_DIR } from './paths.mjs';
import { StepError } from './step.mjs';
import { say } from './terminal.mjs';

/**
 * Makes this checkout ready to run, doing only what is not done yet.
 *
 * @param {{uses?: ('core' | 'demo' | 'tests' | 'bench')[], force?: boolean}} [options] `force` builds again whatever the stamps say
 */
export async function setUp({ uses = ['core', 'demo'], force = false } = {}) {
  checkNode();
  checkWritable();
  const release = await lock('setup', (pid) => say(`Waiting for another set-up of this checkout (pid ${pid}) ...`));
  try {
    await installPackages(uses);
    await installDependencies();
    await generateClient({ force });
    await buildAddon({ force });
    await compile({ force });
    await buildPublisher({ force });
    await buildDashboard({ force });
  } finally {
    release();
  }
}

function checkNode() {
  const wanted = String(
    /\d+\.\d+/.exec(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).engines.node)?.[0],
  );
  const [major = 0, minor = 0] = wanted.split('.').map(Number);
  const [haveMajor = 0, haveMinor = 0] = process.versions.node.split('.').map(Number);
  if (haveMajor > major || (haveMajor === major && haveMinor >= minor)) return;
  throw new StepError(
    `manycast needs Node.js ${wanted} or newer; this is ${process.version}. See https://nodejs.org/en/download`,
  );
}

/** A checkout that was first run as root cannot be written by anybody else. */
function checkWritable() {
  for (const dir of [ROOT, STATE_DIR, join(ROOT, 'node_modules'), join(ROOT, 'dist')].filter(existsSync)) {
    try {
      accessSync(dir, constants.W_OK);
    } catch (error) {
      throw new StepError(
        `${dir} belongs to somebody else (was it made by root?): give it to yourself with chown -R, or remove it.`,
        {
          cause: error,
        },
      );
    }
  }
}
