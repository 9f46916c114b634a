import { defineConfig } from 'vitest/config';

// Unit tests touch no disk and no network; the others may start DuckDB, the analyser,
// HTTP servers and child processes, and so get longer limits.
export default defineConfig({
  test: {
    reporters: ['default', './scripts/closing-line.ts'],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts', 'tests/**/*.test.ts'],
          exclude: ['**/*.it.test.ts'],
          testTimeout: 10_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['packages/*/src/**/*.it.test.ts', 'tests/**/*.it.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
