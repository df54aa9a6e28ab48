// SPDX-License-Identifier: Apache-2.0
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive, onlyChildOf, type Pid, until } from './pids.js';
import { isRoot, SOURCE_DIR } from './paths.js';
import { tail } from './programs.js';

/** A mount and PID namespace, with the network one too for the cluster itself, and whose first process is `script`. */
interface Opening {
  readonly stateDir: string;
  readonly name: string;
  readonly enter: readonly string[];
  readonly flags: readonly string[];
  readonly script: readonly string[];
}

const CLONE = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];

/** Root in an ordinary container may not: that takes a privileged one. */
export function canIsolate(): boolean {
  return isRoot() && spawnSync('unshare', ['--mount', '--net', '--pid', '--fork', 'true']).status === 0;
}

async function open(opening: Opening): Promise<Pid> {
  const ready = join(opening.stateDir, `${opening.name}.ready`);
  const logFile = join(opening.stateDir, 'logs', `${opening.name}.log`);
  rmSync(ready, { force: true });
  const argv = [...opening.enter, 'unshare', ...opening.flags, ...CLONE, 'sh', ...opening.script];
  const parent = launch(argv, logFile);
  // Where unshare itself was entered, nsenter stands before it: two steps down instead of one.
  let init = await onlyChildOf(parent, 10_000);
  if (init && opening.enter.length > 0) init = await onlyChildOf(init.pid, 10_000);
  const isReady = await until(() => existsSync(ready) || !init || !isAlive(init), 20_000);
  if (!isReady || !init || !isAlive(init))
    throw new Error(`the namespaces of ${opening.name} could not be made: ${tail(logFile)}`);
  return init;
}

function launch(argv: readonly string[], logFile: string): number {
  const [command = '', ...args] = argv;
  const log = openSync(logFile, 'a');
  const child = spawn(command, args, { detached: true, stdio: ['ignore', log, log], cwd: '/' });
  closeSync(log);
  child.on('error', () => undefined);
  child.unref();
  return child.pid ?? 0;
}

const initProgram = (binDir: string): string => join(binDir, 'init');

export function openClusterNamespace(
  stateDir: string,
  binDir: string,
  addresses: readonly string[],
): Promise<Pid> {
  const script = [join(SOURCE_DIR, 'scripts/namespace.sh'), stateDir, initProgram(binDir), ...addresses];
  return open({ stateDir, name: 'namespace', enter: [], flags: ['--net'], script });
}

export interface NodePlace {
  readonly stateDir: string;
  readonly binDir: string;
  readonly init: Pid;
}

export function openNodeNamespace(place: NodePlace, node: string): Promise<Pid> {
  const script = [join(SOURCE_DIR, 'scripts/node.sh'), place.stateDir, initProgram(place.binDir), node];
  const enter = ['nsenter', '-t', String(place.init.pid), '-m', '-p', '-n', '--'];
  return open({ stateDir: place.stateDir, name: `node-${node}`, enter, flags: [], script });
}
