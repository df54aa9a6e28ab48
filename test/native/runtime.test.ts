// SPDX-License-Identifier: Apache-2.0
// The real CUDA runtimes of 11, 12 and 13, from their PyPI wheels, under libkerf: what they ask cuGetProcAddress for, they
// get as without us, or our hook of the very same variant. The catalogue is a driver that has every symbol and writes
// down what is asked. How far a program of the runtime comes is said by its steps, which are the same with us.
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readWheels, unpackedWheel } from '../../native/symbols/wheels.js';
import { BUILT, buildNative, PATHS, ROOT } from './build.js';
import { lastJson, Machine, type Slice } from './slice.js';
import { givenSymbols, hooks } from './symbols.js';

const CATALOGUE = `${BUILT}/bin/catalogue`;
const NEWEST = 13_050;
const RUNTIMES = ['11.8.89', '12.9.79', '13.5.37'] as const;

interface Asked {
  readonly asked: number;
  readonly found: number;
  readonly hooked: number;
  readonly wrong: number;
}

let machine: Machine;
let folder: string;

/** The wheels come from PyPI by python3's pip, once a cache: where there is neither, this file says so and asks nothing. */
const lacking = whatLacks();
if (lacking !== null) console.warn(`not asked, for the CUDA runtimes cannot be had here: ${lacking}`);

function whatLacks(): string | null {
  try {
    for (const version of RUNTIMES) libraryOf(version);
    return null;
  } catch (fault) {
    return fault instanceof Error ? fault.message : String(fault);
  }
}

beforeAll(() => {
  buildNative();
  folder = mkdtempSync(join(tmpdir(), 'kerf-runtime-'));
  machine = new Machine('A100-40G');
}, 300_000);

afterAll(() => {
  machine?.end();
  rmSync(folder, { recursive: true, force: true });
});

function libraryOf(version: string): string {
  const wheel = readWheels().find(
    (each) => each.name.startsWith('nvidia-cuda-runtime') && each.version === version,
  );
  if (wheel === undefined) throw new Error(`native/symbols/wheels.tsv has no runtime ${version}`);
  const files = unpackedWheel(wheel);
  const found = readdirSync(files, { recursive: true, encoding: 'utf8' }).find((file) =>
    /libcudart\.so\.\d/.test(file),
  );
  if (found === undefined) throw new Error(`the wheel of ${version} has no libcudart`);
  return join(files, found);
}

const aSlice = (): Slice => machine.slice({ gpu: machine.gpu(0), mib: 4096 });

function bare(argv: readonly string[], env: Record<string, string>): SpawnSyncReturns<string> {
  const [command = '', ...args] = argv;
  return spawnSync(command, args, { encoding: 'utf8', env: { ...process.env, ...env } });
}

/** What this runtime asks a driver that has everything, one line a request. */
function requestsOf(version: string): string {
  const log = join(folder, `${version}.log`);
  rmSync(log, { force: true });
  bare([`${BUILT}/bin/runtime`, libraryOf(version)], { LD_LIBRARY_PATH: CATALOGUE, CATALOGUE_LOG: log });
  return readFileSync(log, 'utf8');
}

/** Asks all of it in a slice, and the driver beside it; what differs stands before the last line. */
function askAll(requests: string, driverVersion = NEWEST): SpawnSyncReturns<string> {
  const env = { LD_LIBRARY_PATH: CATALOGUE, CATALOGUE_VERSION: String(driverVersion) };
  return aSlice().run([`${BUILT}/bin/ask-proc`, `${CATALOGUE}/libcuda.so.1`], { env, input: requests });
}

function differences(ran: SpawnSyncReturns<string>): readonly string[] {
  return ran.stdout.trim().split('\n').slice(0, -1);
}

describe.each(lacking === null ? RUNTIMES : [])('libcudart %s', (version) => {
  it('asks for names that native/symbols knows', () => {
    const observed = readFileSync(`${ROOT}native/symbols/observed.tsv`, 'utf8');
    const known = new Set([...givenSymbols().map((row) => row.name), ...observed.split(/[\t\n]/), '']);
    const asked = requestsOf(version)
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' ')[2] ?? '');
    expect(asked.length).toBeGreaterThan(380);
    expect(asked.filter((name) => !known.has(name))).toEqual([]);
  });

  it.each([NEWEST, 12_040, 11_070])(
    'gets the driver’s own or our hook of the same variant, from driver %i',
    (driver) => {
      const ran = askAll(requestsOf(version), driver);
      expect(differences(ran)).toEqual([]);
      expect(lastJson<Asked>(ran)).toMatchObject({ wrong: 0 });
      expect(lastJson<Asked>(ran).hooked).toBeGreaterThan(50);
    },
  );

  it.each([
    ['the catalogue', CATALOGUE],
    ['the fake', PATHS.fakeFolder],
  ])('comes as far with us as without, on %s', (_name, library) => {
    const program = [`${BUILT}/bin/runtime`, libraryOf(version)];
    const env = { LD_LIBRARY_PATH: library };
    const without = bare(program, { ...env, KERF_FAKE_DIR: machine.node });
    const told = Object.entries(lastJson<Record<string, number>>(without));
    const steps = Object.fromEntries(told.filter(([name]) => name !== 'total_bytes'));
    expect(lastJson(aSlice().run(program, { env }))).toMatchObject(steps);
  });

  it('is loaded and let go by programs that never use it, with a driver and without', () => {
    const linked = ['env', `LD_PRELOAD=${libraryOf(version)}`, 'true'];
    const imported = ['python3', '-c', `import ctypes; ctypes.CDLL("${libraryOf(version)}"); print("in")`];
    const slices = [aSlice(), machine.slice()];
    slices[1]?.write('ld.so.cache', '', 0o644);
    for (const argv of [linked, imported]) {
      const { status, stdout, stderr } = bare(argv, {});
      for (const slice of slices) expect(slice.run(argv)).toMatchObject({ status, stdout, stderr });
      expect(status).toBe(0);
    }
  });
});

describe('cuGetProcAddress', () => {
  it('answers every name, version and flags as the driver does', () => {
    const rows = givenSymbols();
    const names = [
      '',
      'cuNoSuchThing',
      'cuMemAlloc_v2',
      'cumemalloc',
      ...new Set(rows.map((row) => row.name)),
    ];
    const versionsOf = (name: string): number[] => {
      const own = rows.filter((row) => row.name === name).flatMap((row) => [row.since - 10, row.since]);
      return [...new Set([-1, 0, 2000, 99_999, 2_147_483_647, ...own])];
    };
    const requests = names.flatMap((name) =>
      versionsOf(name).flatMap((version) => [0, 1, 2, 3, 4].map((flags) => `${version} ${flags} ${name}\n`)),
    );
    const ran = askAll(requests.join(''));
    expect(differences(ran)).toEqual([]);
    expect(lastJson<Asked>(ran)).toMatchObject({ asked: 2 * requests.length, wrong: 0 });
  });

  it('gives a hook of every symbol that has one', () => {
    const requests = hooks('cuda').map(({ name, since, flags }) => `${since} ${flags} ${name}\n`);
    const ran = askAll(requests.join(''));
    expect(lastJson<Asked>(ran)).toMatchObject({ hooked: 2 * requests.length, wrong: 0 });
  });
});
