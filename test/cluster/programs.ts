// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { SOURCE_DIR } from './paths.js';
import { identify, isAlive, killPid, onlyChildOf, type Pid, waitGone } from './pids.js';
import { type Output, run, type RunOptions } from './shell.js';
import { writeWhole } from './state.js';

/** What programs need to know of a cluster: a folder for their records, and whose namespaces they enter. */
export interface Place {
  readonly stateDir: string;
  readonly binDir: string;
  readonly init?: Pid;
  readonly nodes: readonly { readonly name: string; readonly init: Pid }[];
}

/** A long-running program inside a cluster's or a node's namespaces. */
export interface ProgramSpec {
  /** Unique in the cluster. */
  readonly name: string;
  readonly argv: readonly string[];
  /** Absent: the cluster's own namespaces. */
  readonly node?: string;
  /** The only environment it gets, beside PATH and HOME. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** `outside`: it keeps the network of the outer machine (relays do). */
  readonly network?: 'outside';
  /** Appended to; default `logs/<name>.log` in the state folder. */
  readonly logFile?: string;
}

export interface Program extends ProgramSpec {
  readonly logFile: string;
  /** Usable for kill from outside the namespaces. */
  readonly pid: Pid;
}

const recordDir = (place: Place): string => join(place.stateDir, 'programs');
const recordOf = (place: Place, name: string): string => join(recordDir(place), `${name}.json`);

/** The command that runs another one inside the namespaces; nothing where the cluster has none. */
export function entering(place: Place, node: string | undefined): string[] {
  if (node !== undefined)
    return ['nsenter', '-t', String(nodeInit(place, node).pid), '-m', '-p', '-n', '-C', '--'];
  return place.init === undefined ? [] : ['nsenter', '-t', String(place.init.pid), '-m', '-p', '-n', '--'];
}

function enteringFor(place: Place, spec: ProgramSpec): string[] {
  const enter = entering(place, spec.node);
  return spec.network === 'outside' ? enter.filter((flag) => flag !== '-n') : enter;
}

function nodeInit(place: Place, node: string): Pid {
  const found = place.nodes.find((each) => each.name === node);
  if (!found) throw new Error(`node '${node}' is not in this cluster`);
  return found.init;
}

function environment(
  place: Place,
  env: Readonly<Record<string, string>> | undefined,
): Record<string, string> {
  const path = `${place.binDir}:${dirname(process.execPath)}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;
  return { PATH: path, HOME: homedir(), ...env };
}

function becoming(spec: ProgramSpec): string[] {
  const cwd = spec.cwd ?? '/';
  if (spec.node !== undefined) return ['sh', join(SOURCE_DIR, 'scripts/program.sh'), cwd, ...spec.argv];
  return ['sh', '-c', 'cd "$0" && exec "$@"', cwd, ...spec.argv];
}

/** Starts a program and records it. It ends with the cluster (or its node) at the latest. */
export async function spawnIn(place: Place, spec: ProgramSpec): Promise<Program> {
  if (isRunning(place, spec.name)) throw new Error(`program '${spec.name}' is already running`);
  const logFile = spec.logFile ?? join(place.stateDir, 'logs', `${spec.name}.log`);
  mkdirSync(dirname(logFile), { recursive: true });
  mkdirSync(recordDir(place), { recursive: true });
  const program = { ...spec, logFile, pid: await launch(place, spec, logFile) }; // a former pid in it is replaced
  writeWhole(recordOf(place, spec.name), JSON.stringify(program, null, 2));
  return program;
}

async function launch(place: Place, spec: ProgramSpec, logFile: string): Promise<Pid> {
  const enter = enteringFor(place, spec);
  const [command = '', ...args] = [...enter, ...becoming(spec)];
  const log = openSync(logFile, 'a');
  const child = spawn(command, args, {
    detached: true,
    stdio: ['ignore', log, log],
    env: environment(place, spec.env),
  });
  closeSync(log);
  child.unref();
  const failed = new Promise<undefined>((resolve) => child.once('error', () => resolve(undefined)));
  const parent = child.pid;
  const found = parent === undefined ? await failed : await find(parent, enter.length > 0);
  if (!found) throw new Error(`program '${spec.name}' did not start: ${tail(logFile)}`);
  return found;
}

/** nsenter waits outside as the parent of the program that runs inside. */
async function find(parent: number, isEntered: boolean): Promise<Pid | undefined> {
  return isEntered ? onlyChildOf(parent, 10_000) : identify(parent);
}

export function tail(file: string, bytes = 1500): string {
  return existsSync(file) ? readFileSync(file, 'utf8').slice(-bytes).trim() : '(no log)';
}

export function findProgram(place: Place, name: string): Program | undefined {
  const file = recordOf(place, name);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Program) : undefined;
}

export function listPrograms(place: Place): Program[] {
  if (!existsSync(recordDir(place))) return [];
  return readdirSync(recordDir(place))
    .filter((file) => file.endsWith('.json'))
    .map((file) => JSON.parse(readFileSync(join(recordDir(place), file), 'utf8')) as Program);
}

export function isRunning(place: Place, name: string): boolean {
  const program = findProgram(place, name);
  return program !== undefined && isAlive(program.pid);
}

/** Sends a signal and does not wait (SIGSTOP, SIGHUP, a kill in the middle of things). */
export function signalIn(place: Place, name: string, signal: NodeJS.Signals): void {
  const program = findProgram(place, name);
  if (program) killPid(program.pid, signal);
}

/** Ends a program and waits until it is gone; what does not go within 10 s is killed. Its record stays: `startIn`. */
export async function stopIn(place: Place, name: string, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  const program = findProgram(place, name);
  if (!program) return;
  killPid(program.pid, signal);
  if (await waitGone(program.pid, 10_000)) return;
  killPid(program.pid, 'SIGKILL');
  await waitGone(program.pid, 10_000);
}

/** Starts a recorded program again, as it was. */
export function startIn(place: Place, name: string): Promise<Program> {
  const program = findProgram(place, name);
  if (!program) throw new Error(`program '${name}' was never started in this cluster`);
  return spawnIn(place, program);
}

export async function restartIn(
  place: Place,
  name: string,
  signal: NodeJS.Signals = 'SIGTERM',
): Promise<Program> {
  await stopIn(place, name, signal);
  return startIn(place, name);
}

export async function removeIn(place: Place, name: string): Promise<void> {
  await stopIn(place, name);
  rmSync(recordOf(place, name), { force: true });
}

/** Runs a command inside to its end. */
export function execIn(
  place: Place,
  command: { readonly node?: string; readonly argv: readonly string[] },
  options: RunOptions = {},
): Promise<Output> {
  const env = environment(place, options.env);
  return run([...entering(place, command.node), ...command.argv], { ...options, env });
}
