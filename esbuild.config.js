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
  'src/adapters/probes/amd/child.ts': 'amd-child',
};

/** koffi looks for its binary in node_modules; in a bundle it lies beside, renamed as the addon below. */
const KOFFI = {
  name: 'koffi-beside',
  setup({ onLoad }) {
    onLoad({ filter: /koffi\/src\/koffi\/src\/static\.js$/ }, () => ({
      contents: `import { createRequire } from 'node:module';
export const loadStatic = () => createRequire(import.meta.url)('./koffi.node');`,
    }));
  },
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
    external: ['*.node'],
    plugins: [KOFFI],
    define: { KERF_REVISION: REVISION },
    banner: { js: COMMANDS.includes(name) ? `#!/usr/bin/env node\n${REQUIRE}` : REQUIRE },
  });
  if (COMMANDS.includes(name)) chmodSync(outfile, 0o755);
  console.log(`built    ${outfile}`);
}

/** Binaries travel beside the bundles that fork their child; renamed, because a running child has the old one mapped. */
const BINARIES = {
  'native/build/nvml-addon/Release/nvml.node': 'nvml.node',
  [`node_modules/@koromix/koffi-${process.platform}-${process.arch}/${process.platform}_${process.arch}/koffi.node`]:
    'koffi.node',
};

for (const [from, name] of Object.entries(BINARIES)) {
  if (!existsSync(from)) continue;
  copyFileSync(from, `dist/.${name}`);
  renameSync(`dist/.${name}`, `dist/${name}`);
}
