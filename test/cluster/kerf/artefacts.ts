// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from '../shell.js';
import { SOURCE_DIR } from '../paths.js';

/** The project's root. */
export const ROOT = dirname(dirname(SOURCE_DIR));

const native = (file: string): string => join(ROOT, 'native', 'build', 'release', file);

/** What `npm run build` leaves, by what it is for. */
export const ARTEFACTS = {
  scheduler: join(ROOT, 'dist', 'scheduler.js'),
  devicePlugin: join(ROOT, 'dist', 'device-plugin.js'),
  monitor: join(ROOT, 'dist', 'monitor.js'),
  cli: join(ROOT, 'dist', 'kerf.js'),
  /** Folder that holds libkerf.so and libkerf-nvml.so. */
  libraries: join(ROOT, 'native', 'build', 'release'),
  fakeGpus: native('kerf-fake-gpus'),
  fakeAmd: native('kerf-fake-amd'),
  fakeRocmSmi: native('fake/librocm_smi64.so.1'),
  fakeNvml: native('fake/libnvidia-ml.so.1'),
  workload: native('kerf-workload'),
} as const;

/** What the image kerf-workload:test gets: path here → path in the image. */
export const WORKLOAD_FILES: Readonly<Record<string, string>> = {
  [ARTEFACTS.workload]: '/bin/kerf-workload',
};

/** Builds what is missing; a build that exists is taken as it is (`npm test` builds first). */
export async function ensureBuilt(say: (step: string) => void): Promise<void> {
  const missing = Object.entries(ARTEFACTS).filter(([, path]) => !existsSync(path));
  if (missing.length === 0) return;
  say(`building Kerf (no ${missing.map(([name]) => name).join(', ')} yet)`);
  const built = await run(['npm', 'run', '-s', 'build'], { cwd: ROOT });
  if (built.code !== 0) throw new Error(`npm run build failed:\n${built.stdout}\n${built.stderr}`);
}
