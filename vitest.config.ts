import { defineConfig } from 'vitest/config';

// `source` resolves `#libs/*` (package.json "imports") to TypeScript; the rest are Vite's own SSR defaults.
const ssr = { resolve: { conditions: ['source', 'module', 'node', 'development|production'] } };

const TIMED = ['flooding-server', 'isolation', 'late-process', 'nodes', 'overload', 'probes', 'rtmp-publisher'].map(
  (name) => `test/media/${name}.spec.ts`,
);

/** Tests with running servers, browsers and processes. A busy machine takes its time; what is awaited still ends the wait at once. */
const running = (name: string) => ({
  name,
  globalSetup: ['test/support/global-setup.ts'],
  testTimeout: 90_000,
  hookTimeout: 90_000,
  expect: { poll: { timeout: 20_000 } },
  maxWorkers: 2,
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
          testTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      { ssr, test: { ...running('e2e'), include: ['test/*.e2e.spec.ts'], sequence: { groupOrder: 1 } } },
      // They wait for the wall clock most of the time: two at once take little from each other.
      {
        ssr,
        test: { ...running('media'), include: ['test/media/*.spec.ts'], exclude: TIMED, sequence: { groupOrder: 2 } },
      },
      { ssr, test: { ...running('dashboard'), include: ['test/dashboard/*.spec.ts'], sequence: { groupOrder: 2 } } },
      // What measures time, or takes all of a core on purpose, has the machine to itself.
      {
        ssr,
        test: {
          ...running('timed'),
          include: TIMED,
          fileParallelism: false,
          maxWorkers: 1,
          sequence: { groupOrder: 3 },
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
