// SPDX-License-Identifier: Apache-2.0
import { defineConfig } from 'vitest/config';

/** `npm run test:long` does the same journeys, only more of each (test/e2e/support/size.ts). */
const JOURNEY_MS = process.env.KERF_LONG === '1' ? 3_600_000 : 300_000;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'quick',
          include: ['test/*.test.ts', 'test/{unit,contract,wire,native,charts}/**/*.test.ts'],
          setupFiles: ['test/seed.ts'],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'cluster',
          include: ['test/cluster/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
      {
        // `npm run test:long` alone: what takes minutes, or tools that not every machine has.
        test: {
          name: 'long',
          include: ['test/long/**/*.test.ts'],
          testTimeout: JOURNEY_MS,
          hookTimeout: JOURNEY_MS,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: ['test/e2e/support/global-setup.ts'],
          testTimeout: JOURNEY_MS,
          hookTimeout: Math.max(600_000, JOURNEY_MS),
          fileParallelism: false,
        },
      },
    ],
  },
});
