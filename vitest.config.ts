import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

// `source` resolves `#libs/*` (package.json "imports") to TypeScript; the rest are Vite's own SSR defaults.
const ssr = { resolve: { conditions: ['source', 'module', 'node', 'development|production'] } };

/** What measures time, or takes all of a core on purpose: one file after the other, and nothing beside it. */
const TIMED = ['flooding-server', 'isolation', 'late-process', 'overload', 'probes', 'rtmp-publisher'].map(
  (name) => `test/media/${name}.spec.ts`,
);

/** Tests wait for a good part of their time: three files at once keep two cores busy. */
const WORKERS = Math.max(3, availableParallelism());

/** A busy machine takes its time; what is awaited ends the wait at once, so a long deadline costs nothing but where a test fails. */
const PATIENT = { hookTimeout: 90_000, expect: { poll: { timeout: 20_000 } } };

/** Tests with running servers, browsers and processes. Vitest runs projects of one group together, if they have as many workers. */
const running = (name: string) => ({
  ...PATIENT,
  name,
  globalSetup: ['test/support/global-setup.ts'],
  testTimeout: 90_000,
  maxWorkers: WORKERS,
  sequence: { groupOrder: 1 },
});

export default defineConfig({
  ssr,
  test: {
    // npm run coverage [-- --project unit]. What runs in processes of its own (pipelines, workers of the media tests) is not counted.
    coverage: {
      provider: 'v8',
      include: ['apps/{api,pipeline,worker}/src/**/*.ts', 'libs/*/src/**/*.ts'],
      exclude: ['**/*.spec.ts', 'libs/db/src/generated/**'],
      reportsDirectory: '.manycast/coverage',
      reporter: ['text-summary', 'html'],
    },
    projects: [
      {
        ssr,
        test: {
          name: 'unit',
          include: ['{apps,libs,tools}/**/*.spec.ts'],
          ...PATIENT,
          testTimeout: 30_000,
          maxWorkers: WORKERS,
          sequence: { groupOrder: 0 },
        },
      },
      // One process for many files: importing the API takes more than most of their tests.
      {
        ssr,
        test: {
          ...running('e2e'),
          include: ['test/*.e2e.spec.ts'],
          isolate: false,
          setupFiles: ['test/support/own-environment.ts'],
        },
      },
      {
        ssr,
        test: { ...running('media'), include: ['test/media/*.spec.ts'], exclude: TIMED },
      },
      { ssr, test: { ...running('dashboard'), include: ['test/dashboard/*.spec.ts'] } },
      {
        ssr,
        test: {
          ...running('timed'),
          include: TIMED,
          fileParallelism: false,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
      // By hand (npm run test:slow): minutes at full speed.
      ...(process.env.SLOW_TESTS
        ? [
            {
              ssr,
              test: {
                name: 'slow',
                include: ['test/slow/*.spec.ts'],
                hookTimeout: 60_000,
                expect: { poll: { timeout: 10_000 } },
              },
            },
          ]
        : []),
    ],
  },
});
