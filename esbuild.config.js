// SPDX-License-Identifier: Apache-2.0
// `npm run build:js`: each door becomes one file in dist/. Types are checked by `npm run check`, not here.
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, renameSync } from 'node:fs';
import { build } from 'esbuild';

/** Door to bundle. */
const DOORS = {
  'src/apps/scheduler.ts': 'scheduler',
  'src/apps/monitor.ts': 'monitor',
  'src/apps/cli/main.ts': 'kerf',
  'device-plugin/main.ts': 'device-plugin',
  'src/adapters/nvml/child.ts': 'nvml-child',
};

const COMMANDS = ['kerf'];

/** CommonJS packages inside an ES module still call require. */
const REQUIRE =
  "import { createRequire as kerfRequire } from 'node:module'; const require = kerfRequire(import.meta.url);";

/** The commit; KERF_REVISION says it where there is no repository (an image's build). */
function revisionNow() {
  if (process.env.KERF_REVISION) return process.env.KERF_REVISION;
  try {
    const git = (...args) => execFileSync('git', args, { encoding: 'utf8', stdio: 'pipe' }).trim();
    const isChanged = git('status', '--porcelain', '--untracked-files=no') !== '';
    return `${git('rev-parse', '--short=12', 'HEAD')}${isChanged ? '-changed' : ''}`;
  } catch {
    return 'unknown';
  }
}

const REVISION = JSON.stringify(revisionNow());

for (const [door, name] of Object.entries(DOORS)) {
  if (!existsSync(door)) {
    console.log(`skipped  ${door} (not there yet)`);
    continue;
  }
  const outfile = `dist/${name}.js`;
  await build({
    entryPoints: [door],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'esm',
    sourcemap: true,
    legalComments: 'none',
    logLevel: 'warning',
    external: ['*.node', 'koffi'],
    define: { KERF_REVISION: REVISION },
    banner: { js: COMMANDS.includes(name) ? `#!/usr/bin/env node\n${REQUIRE}` : REQUIRE },
  });
  if (COMMANDS.includes(name)) chmodSync(outfile, 0o755);
  console.log(`built    ${outfile}`);
}

/** The addon travels beside the bundles that fork its child; renamed, because a running child has the old one mapped. */
const ADDON = 'native/build/nvml-addon/Release/nvml.node';
if (existsSync(ADDON)) {
  copyFileSync(ADDON, 'dist/.nvml.node');
  renameSync('dist/.nvml.node', 'dist/nvml.node');
}
