// SPDX-License-Identifier: Apache-2.0
// The ledger, as bind and the watches drive it, against an oracle that works everything out from nothing.
import fc from 'fast-check';
import { describe, it } from 'vitest';
import { begin, end, starts, steps, take } from './model/steps.js';

const HISTORIES = process.env.KERF_LONG === '1' ? 300_000 : 10_000;

describe('whatever happens in the cluster, and however late we hear of it', () => {
  it(
    'the ledger holds what the API server and our own writes say, and no device is given twice',
    async () => {
      await fc.assert(
        fc.asyncProperty(starts, steps, async (start, all) => {
          const history = begin(start);
          for (const step of all) await take(history, step);
          await end(history);
        }),
        { numRuns: HISTORIES },
      );
    },
    HISTORIES * 30,
  );
});
