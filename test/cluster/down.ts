// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { removeCgroups, removeIfEmpty } from './cgroups.js';
import { withLock } from './lock.js';
import { checkName } from './options.js';
import { baseDir, cacheDir, stateDirOf } from './paths.js';
import { isAlive, killPid, type Pid, until, waitGone } from './pids.js';
import { listPrograms } from './programs.js';
import { run } from './shell.js';
import { readState } from './state.js';

/** Not in the state folder, and never removed: a lock file that comes and goes would have two holders. */
export const lockOf = (name: string): string => join(cacheDir(), 'locks', name);

/** Ends a cluster and removes all it left, whatever state it is in; a cluster that is not there is already down. */
export async function downCluster(name = 'default'): Promise<void> {
  checkName(name);
  await withLock(lockOf(name), () => tearDown(name));
  removeIfEmpty(baseDir());
}

/** The same for whoever already holds the lock. */
export async function tearDown(name: string): Promise<void> {
  const stateDir = stateDirOf(name);
  if (!existsSync(stateDir)) return;
  const alive = recordedPids(stateDir).filter(isAlive);
  // The first one is the cluster's init: the kernel kills all others of its namespace with it.
  for (const id of alive) killPid(id, 'SIGKILL');
  for (const id of alive) {
    if (!(await waitGone(id, 20_000))) throw new Error(`process ${id.pid} of cluster ${name} does not end`);
  }
  await unmountBelow(stateDir);
  await until(() => removeTree(stateDir), 5_000);
  removeCgroups(name);
}

function recordedPids(stateDir: string): Pid[] {
  const state = readState(stateDir);
  const programs = listPrograms({ stateDir, binDir: '', nodes: [] }).map((program) => program.pid);
  const initFile = join(stateDir, 'init.json');
  const inits = existsSync(initFile) ? [JSON.parse(readFileSync(initFile, 'utf8')) as Pid] : [];
  return [...inits, ...(state?.init ? [state.init] : []), ...programs];
}

function removeTree(stateDir: string): boolean {
  try {
    rmSync(stateDir, { recursive: true, force: true });
    return true;
  } catch {
    return false; // a dying process may still have written into it
  }
}

/** Mounts live in the namespaces and go with them; this is for those who ran parts by hand. */
async function unmountBelow(stateDir: string): Promise<void> {
  const points = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((point) => point.startsWith(`${stateDir}/`));
  for (const point of points.reverse()) await run(['umount', '-l', point]);
}
