import { defineConfig } from 'vitest/config';

// `source` resolves `#libs/*` (package.json "imports") to TypeScript; the rest are Vite's own SSR defaults.
const ssr = { resolve: { conditions: ['source', 'module', 'node', 'development|production'] } };

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
      // One group after the other: what measures time must not share the cores.
      { ssr, test: { name: 'unit', include: ['{apps,libs,scripts}/**/*.spec.ts'], sequence: { groupOrder: 0 } } },
      {
        ssr,
        test: {
          name: 'e2e',
          include: ['test/*.e2e.spec.ts'],
          globalSetup: ['test/support/global-setup.ts'],
          testTimeout: 15_000,
          hookTimeout: 30_000,
          // A busy machine takes its time; what is awaited still ends the wait at once.
          expect: { poll: { timeout: 10_000 } },
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        ssr,
        test: {
          name: 'media',
          include: ['test/media/*.spec.ts'],
          globalSetup: ['test/support/global-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          expect: { poll: { timeout: 10_000 } },
          // Timestamps of received frames are compared: a second file on the same two cores would disturb them.
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
      {
        ssr,
        test: {
          name: 'dashboard',
          include: ['test/dashboard/*.spec.ts'],
          globalSetup: ['test/support/global-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          expect: { poll: { timeout: 10_000 } },
          fileParallelism: false,
          sequence: { groupOrder: 3 },
        },
      },
      // By hand (npm run test:slow): minutes at full speed.
      ...(process.env.SLOW_TESTS ? [{ ssr, test: { name: 'slow', include: ['test/slow/*.spec.ts'], hookTimeout: 60_000, expect: { poll: { timeout: 10_000 } } } }] : []),
    ],
  },
});
