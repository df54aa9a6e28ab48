// SPDX-License-Identifier: Apache-2.0
// Property tests draw the same cases in every run, so that a run says something of the change and nothing of its luck.
// KERF_SEED=<number> draws others; KERF_LONG=1 new ones each time (fast-check prints the seed of what fails).
import fc from 'fast-check';

const USUAL = 20_261_121;

const asked = process.env.KERF_SEED;
if (asked !== undefined) fc.configureGlobal({ seed: Number(asked) });
else if (process.env.KERF_LONG !== '1') fc.configureGlobal({ seed: USUAL });
