import { accessSync, constants, existsSync } from 'node:fs';
import { join } from 'node:path';
import { buildAddon, buildDashboard, buildPublisher, compile, generateClient, installDependencies } from './build.ts';
import { lock } from './lock.ts';
import { installPackages, type Use } from './packages.ts';
import { ROOT, STATE_DIR } from './paths.ts';
import { StepError } from './step.ts';
import { say } from './terminal.ts';

interface SetUp {
  uses?: Use[];
  force?: boolean;
}

/**
 * Makes this checkout ready to run, doing only what is not done yet.
 * `force` builds again whatever the stamps say.
 */
export async function setUp({ uses = ['core', 'demo'], force = false }: SetUp = {}): Promise<void> {
  await alone(async () => {
    await installPackages(uses);
    await installDependencies();
    await generateClient({ force });
    await buildAddon({ force });
    await compile({ force });
    await buildPublisher({ force });
    await buildDashboard({ force });
  });
}

/** The npm packages alone: what `tools/run.mjs` wants before anything else. */
export const install = (): Promise<void> => alone(installDependencies);

/** Not while another process does such. */
async function alone(work: () => Promise<void>): Promise<void> {
  checkWritable();
  const release = await lock('setup', (pid) => say(`Waiting for another set-up of this checkout (pid ${pid}) ...`));
  try {
    await work();
  } finally {
    release();
  }
}

/** A checkout that was first run as root cannot be written by anybody else. */
function checkWritable(): void {
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
