// SPDX-License-Identifier: Apache-2.0
// npm run build:native — libraries, fakes, workload and addon; make and cmake-js skip what is up to date.
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const native = fileURLToPath(new URL('.', import.meta.url));
const root = fileURLToPath(new URL('..', import.meta.url));

function run(command, args, cwd) {
  const { status, error } = spawnSync(command, args, { cwd, stdio: ['ignore', 2, 2] });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}`);
}

/** Several tests may ask for a build at once: flock lets one build and the others find it done. */
function underLock() {
  if (process.env.KERF_NATIVE_LOCKED === '1') return false;
  mkdirSync(`${native}build`, { recursive: true });
  closeSync(openSync(`${native}build/.lock`, 'a'));
  const { status, error } = spawnSync(
    'flock',
    [`${native}build/.lock`, process.execPath, fileURLToPath(import.meta.url), ...process.argv.slice(2)],
    { cwd: root, stdio: 'inherit', env: { ...process.env, KERF_NATIVE_LOCKED: '1' } },
  );
  if (error) throw error;
  process.exitCode = status ?? 1;
  return true;
}

function preset(name) {
  run('cmake', ['--preset', name], native);
  run('cmake', ['--build', '--preset', name, '--parallel', '2'], native);
}

function addon() {
  const out = `${native}build/nvml-addon`;
  run(
    process.execPath,
    [`${root}node_modules/cmake-js/bin/cmake-js`, 'compile', '-d', 'native/nvml-addon', '-O', out],
    root,
  );
}

if (!underLock()) {
  const wanted = process.argv.slice(2);
  for (const name of wanted.length > 0 ? wanted : ['release']) preset(name);
  if (wanted.length === 0) addon();
}
