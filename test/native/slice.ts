// SPDX-License-Identifier: Apache-2.0
// A slice as the node's agent would write it, in a folder; commands run in it through native/test/in-slice.sh.
import { type ChildProcess, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { changeLimits } from '../../src/adapters/region/limits-file.js';
import { mib, milliCores } from '../../src/core/units.js';
import { type DeviceLimit, encodeLimits } from '../../src/wire/limits.js';
import { decodeRegion, emptyRegion, REGION, type Region, type RegionDevice } from '../../src/wire/region.js';
import { BUILT, makeMachine, PATHS, ROOT, type FakeGpu } from './build.js';

export interface Grant {
  readonly gpu: FakeGpu;
  readonly mib: number;
  /** What else the page says of the device: cores, borrowing, weight; absent is no compute limit. */
  readonly compute?: Partial<Omit<DeviceLimit, 'uuid' | 'memory'>>;
}

export interface RunOptions {
  readonly user?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Our libraries lie over the driver's own files, instead of a preload. */
  readonly isCovered?: boolean;
  /** For stdin. */
  readonly input?: string;
}

/** Mutants (test/native/mutants) put their own in the place of what was built. */
const LIBRARIES = process.env.KERF_MUTANT_LIBRARIES ?? BUILT;
const IN_SLICE = `${ROOT}native/test/in-slice.sh`;
const PRELOAD = '/usr/local/kerf/libkerf.so\n/usr/local/kerf/libkerf-nvml.so\n';

/** A node with fake GPUs, and the containers on it. */
export class Machine {
  readonly folder = mkdtempSync(join(tmpdir(), 'kerf-machine-'));
  readonly gpus: readonly FakeGpu[];
  private slices = 0;

  constructor(...models: readonly string[]) {
    this.gpus = makeMachine(join(this.folder, 'node'), ...models);
    this.writeLoaderCache();
  }

  get node(): string {
    return join(this.folder, 'node');
  }

  gpu(index: number): FakeGpu {
    const gpu = this.gpus[index];
    if (gpu === undefined) throw new Error(`bug: no GPU ${index} on this machine`);
    return gpu;
  }

  /** A container that was granted these devices. */
  slice(...grants: readonly Grant[]): Slice {
    this.slices += 1;
    return new Slice(this, join(this.folder, `slice-${this.slices}`), grants);
  }

  /** What the fake driver itself holds on a GPU, by its own books: they stand at the head of its state. */
  physical(index: number): RegionDevice {
    // Of processes that died it still tells until the next one comes.
    const env = { ...process.env, KERF_FAKE_DIR: this.node, LD_LIBRARY_PATH: PATHS.fakeFolder };
    spawnSync(PATHS.workload, ['info'], { env });
    const state = decodeRegion(readFileSync(join(this.node, 'state')).subarray(0, REGION.bytes));
    const device = state.ok ? state.value.devices[index] : undefined;
    if (device === undefined) throw new Error(`bug: no books of GPU ${index}`);
    return device;
  }

  end(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** As a vendor's hook would: the loader's cache knows where the driver lies. */
  private writeLoaderCache(): void {
    const conf = join(this.folder, 'ld.so.conf');
    writeFileSync(conf, `${PATHS.fakeFolder}\n`);
    const made = spawnSync('/sbin/ldconfig', ['-X', '-f', conf, '-C', join(this.folder, 'ld.so.cache')]);
    if (made.status !== 0) throw new Error(`ldconfig: ${made.stderr.toString()}`);
  }
}

export class Slice {
  constructor(
    readonly machine: Machine,
    readonly folder: string,
    grants: readonly Grant[],
  ) {
    mkdirSync(join(folder, 'dev'), { recursive: true });
    for (const { gpu } of grants) writeFileSync(join(folder, 'dev', `nvidia${gpu.minor}`), '');
    for (const library of ['libkerf.so', 'libkerf-nvml.so'])
      copyFileSync(join(LIBRARIES, library), join(folder, library));
    copyFileSync(join(machine.folder, 'ld.so.cache'), join(folder, 'ld.so.cache'));
    writeFileSync(join(folder, 'preload'), PRELOAD, { mode: 0o444 });
    this.grant(...grants);
    this.write('region', emptyRegion(), 0o666);
  }

  /** Writes the limits page, in place where there is one, as the agent does for a live change. */
  grant(...grants: readonly Grant[]): void {
    const page = {
      epoch: 1,
      podUid: 'uid',
      namespace: 'default',
      pod: 'pod',
      container: 'main',
      devices: grants.map((grant) => ({
        uuid: grant.gpu.uuid,
        memory: mib(grant.mib),
        cores: milliCores(0),
        ...grant.compute,
      })),
    };
    const isChanged = changeLimits(join(this.folder, 'limits'), page, 'grant');
    if (!isChanged) this.write('limits', encodeLimits(page), 0o444);
  }

  write(name: string, bytes: Uint8Array | string, mode: number): void {
    writeFileSync(join(this.folder, name), bytes, { mode, flag: 'w' });
    spawnSync('chmod', [mode.toString(8), join(this.folder, name)]);
  }

  bytes(name: string): Uint8Array {
    return new Uint8Array(readFileSync(join(this.folder, name)));
  }

  remove(name: string): void {
    rmSync(join(this.folder, name));
  }

  region(): Region {
    const region = decodeRegion(readFileSync(join(this.folder, 'region')));
    if (!region.ok) throw new Error(region.error);
    return region.value;
  }

  run(command: readonly string[], options: RunOptions = {}): SpawnSyncReturns<string> {
    const env = { ...process.env, ...options.env };
    const { input = '' } = options;
    return spawnSync('sh', this.argv(command, options), { encoding: 'utf8', env, input, maxBuffer: 1 << 26 });
  }

  start(command: readonly string[], options: RunOptions = {}): ChildProcess {
    const env = { ...process.env, ...options.env };
    return spawn('sh', this.argv(command, options), { stdio: ['ignore', 'pipe', 'inherit'], env });
  }

  /** As start, with an input to write to. */
  converse(command: readonly string[], options: RunOptions = {}): ChildProcess {
    const env = { ...process.env, ...options.env };
    return spawn('sh', this.argv(command, options), { stdio: ['pipe', 'pipe', 'inherit'], env });
  }

  /** Arguments of `sh` that run the command in this slice. */
  argvOf(command: readonly string[]): readonly string[] {
    return this.argv(command, {});
  }

  private argv(command: readonly string[], { user, isCovered }: RunOptions): string[] {
    const userArgs = user === undefined ? [] : ['--user', String(user)];
    const cover = isCovered === true ? ['--cover', PATHS.fakeFolder] : [];
    return [IN_SLICE, this.folder, this.machine.node, ...cover, ...userArgs, ...command];
  }
}

/** The last line of a program's output, which is JSON. */
export function lastJson<T>(ran: SpawnSyncReturns<string>): T {
  const line = ran.stdout.trim().split('\n').at(-1) ?? '';
  try {
    return JSON.parse(line) as T;
  } catch {
    throw new Error(`no JSON in "${ran.stdout}"; stderr: ${ran.stderr}`);
  }
}

/** First line a started program says. */
export function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`ended with ${code} before it said anything`)));
    child.stdout?.once('data', (bytes: Buffer) => resolve(bytes.toString().trim()));
  });
}

/** The first of a program's JSON lines from now on of which the claim is true. */
export async function lineWhere<T>(child: ChildProcess, claim: (line: T) => boolean): Promise<T> {
  if (child.stdout === null) throw new Error('bug: nobody listens to this program');
  const lines = createInterface({ input: child.stdout });
  for await (const text of lines) {
    const line = JSON.parse(text) as T;
    if (claim(line)) return line;
  }
  throw new Error('the program ended before it said so');
}

/** `kerf-workload ask` in a slice: one line in, one JSON line out. */
export class Asked {
  private constructor(
    private readonly child: ChildProcess,
    private readonly lines: AsyncIterator<string>,
  ) {}

  static async start(slice: Slice, command: readonly string[], options: RunOptions = {}): Promise<Asked> {
    return Asked.over(slice.converse(command, options));
  }

  /** A program that is running already and says a first line when it is ready. */
  static async over(child: ChildProcess): Promise<Asked> {
    if (child.stdout === null) throw new Error('bug: nobody listens to this program');
    const asked = new Asked(child, createInterface({ input: child.stdout })[Symbol.asyncIterator]());
    await asked.next();
    return asked;
  }

  say(line: string): Promise<Record<string, unknown>> {
    this.child.stdin?.write(`${line}\n`);
    return this.next();
  }

  async end(): Promise<void> {
    this.child.stdin?.end();
    await ended(this.child);
  }

  private async next(): Promise<Record<string, unknown>> {
    const line = await this.lines.next();
    if (line.done === true) throw new Error('the program ended before it answered');
    return JSON.parse(line.value) as Record<string, unknown>;
  }
}

export function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once('exit', () => resolve()));
}
