import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from './paths.ts';

/** What each library may import; docs/architecture.md says the same in words. */
const MAY: Record<string, string[]> = {
  config: ['process'],
  db: ['config', 'process', 'transfer'],
  gst: ['process'],
  net: [],
  process: [],
  protocol: ['transfer'],
  publisher: [],
  queue: ['config', 'protocol'],
  rtp: ['process'],
  sdp: [],
  transfer: [],
  webrtc: ['gst', 'process'],
};

/** What no code of an app may import; `api` and the like: the source of another app. */
const MAY_NOT: Record<string, string[]> = {
  api: ['dashboard', 'pipeline', 'worker', '#libs/gst', '#libs/rtp', '#libs/webrtc'],
  dashboard: [
    'api',
    'pipeline',
    'worker',
    ...Object.keys(MAY).map((lib) => `#libs/${lib}`),
    '../../../libs/db/src/index.js',
  ],
  pipeline: ['api', 'dashboard', 'worker', '#libs/config', '#libs/db', '#libs/queue'],
  worker: ['api', 'dashboard', 'pipeline', '#libs/gst', '#libs/rtp', '#libs/webrtc'],
};

const APPS = Object.keys(MAY_NOT);
const LIBS = Object.keys(MAY);

/** Planted files: the import each of them holds, by path. Depths differ, since a pattern may hold at one depth only. */
const barred = new Map<string, string>();
const allowed = new Map<string, string>();

const plant = (files: Map<string, string>, folder: string, from: string): void => {
  files.set(`${folder}/planted-${barred.size + allowed.size}.ts`, from);
};

for (const lib of LIBS) {
  for (const other of LIBS.filter((name) => name !== lib)) {
    plant(MAY[lib]?.includes(other) ? allowed : barred, `libs/${lib}/src`, `#libs/${other}`);
    plant(barred, `libs/${lib}/src`, `../../${other}/src/index.js`);
  }
  for (const app of APPS) {
    plant(barred, `libs/${lib}/src`, `../../../apps/${app}/src/main.js`);
    plant(barred, `libs/${lib}/src/deep`, `../../../../apps/${app}/src/deep/main.js`);
  }
}
plant(barred, 'libs/net/src', '#libs/process/tcp');
for (const [app, others] of Object.entries(MAY_NOT)) {
  for (const other of others) {
    if (!APPS.includes(other)) plant(barred, `apps/${app}/src`, other);
    else {
      plant(barred, `apps/${app}/src`, `../../${other}/src/main.js`);
      plant(barred, `apps/${app}/src/deep`, `../../../${other}/src/deep/main.js`);
      plant(barred, `apps/${app}/src/deep`, `../../../../apps/${other}/src/main.js`);
    }
  }
}
plant(allowed, 'apps/api/src', '#libs/db');
plant(allowed, 'apps/worker/src', '#libs/process/sandbox');
plant(allowed, 'apps/pipeline/src', '#libs/webrtc');
plant(allowed, 'apps/dashboard/src/live', '../../../../libs/publisher/src/index.js');
plant(allowed, 'apps/dashboard/src/live', '../api/index.js');

describe('imports across a border', () => {
  const folder = mkdtempSync(join(tmpdir(), 'borders-'));
  let reported: Set<string>;

  beforeAll(() => {
    copyFileSync(join(ROOT, '.oxlintrc.json'), join(folder, '.oxlintrc.json'));
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    for (const [path, from] of [...barred, ...allowed]) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), `export * from '${from}';\n`);
    }
    const { stdout, stderr } = spawnSync(join(ROOT, 'node_modules/.bin/oxlint'), ['--format', 'json', 'apps', 'libs'], {
      cwd: folder,
      encoding: 'utf8',
      timeout: 30_000,
      maxBuffer: 64 << 20,
    });
    if (!stdout.startsWith('{')) throw new Error(`oxlint did not report: ${stdout}${stderr}`);
    const { diagnostics } = JSON.parse(stdout) as { diagnostics: { code?: string; filename: string }[] };
    reported = new Set(
      diagnostics.filter(({ code }) => code?.includes('no-restricted-imports')).map(({ filename }) => filename),
    );
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const text = ([path, from]: [string, string]): string => `${path}: ${from}`;

  it('are reported, each of them', () => {
    expect([...barred].filter(([path]) => !reported.has(path)).map(text)).toEqual([]);
  });

  it('are not where the border is open', () => {
    expect([...allowed].filter(([path]) => reported.has(path)).map(text)).toEqual([]);
  });

  it('are planted for every library and every app', () => {
    const parts = (of: string): string[] =>
      readdirSync(join(ROOT, of)).filter((name) => existsSync(join(ROOT, of, name, 'src')));
    expect([parts('libs').sort(), parts('apps').sort()]).toEqual([LIBS, APPS]);
  });
});
