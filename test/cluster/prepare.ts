// SPDX-License-Identifier: Apache-2.0
// `npm run cluster:build`: fetches and builds all that a cluster needs, and starts nothing. Minutes once a machine,
// then seconds; a test run does it first, so that no test waits for a compiler.
import { ensureBinaries, ensureHelm } from './binaries.js';
import { ensureUnpacked } from './debian.js';
import { ensurePackages } from './packages.js';
import { progressTo } from './progress.js';

const progress = progressTo((line) => process.stderr.write(`${line}\n`));

await ensurePackages(false, progress);
await ensureBinaries(false, progress);
await ensureHelm(progress);
await ensureUnpacked('prometheus', progress);
