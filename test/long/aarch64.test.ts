// SPDX-License-Identifier: Apache-2.0
// libkerf for aarch64: cross-compiled, and run by qemu's emulation of user programs on the fake driver of that machine.
// One process at a time: qemu makes up a process's own /proc/<pid>/stat, so neighbours take one another for dead.
import { spawnSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureNeeds, inPath } from '../cluster/packages.js';
import { buildNative, ROOT } from '../native/build.js';
import { lastJson, Machine, type Slice } from '../native/slice.js';

const MIB = 1_048_576;
const OOM = 2;
const CROSS = `${ROOT}native/build/aarch64`;
const SYSROOT = '/usr/aarch64-linux-gnu';
const LIBRARIES = ['libkerf.so', 'libkerf-nvml.so'] as const;
const EMULATED = [
  ...['qemu-aarch64', '-L', SYSROOT, '-E', `LD_LIBRARY_PATH=${CROSS}/fake`],
  ...['-E', `LD_PRELOAD=${LIBRARIES.map((name) => `/usr/local/kerf/${name}`).join(':')}`],
];

let machine: Machine;

beforeAll(async () => {
  await ensureNeeds(
    [
      {
        anyOf: inPath('aarch64-linux-gnu-gcc'),
        packages: ['gcc-aarch64-linux-gnu', 'libc6-dev-arm64-cross'],
      },
      { anyOf: inPath('qemu-aarch64'), packages: ['qemu-user'] },
    ],
    console.log,
  );
  buildNative();
  const built = spawnSync(process.execPath, [`${ROOT}native/build.mjs`, 'aarch64'], { encoding: 'utf8' });
  if (built.status !== 0) throw new Error(built.stderr.slice(-4000));
  machine = new Machine('A100-40G');
});

afterAll(() => machine?.end());

function aSlice(): Slice {
  const slice = machine.slice({ gpu: machine.gpu(0), mib: 1024 });
  for (const library of LIBRARIES) copyFileSync(join(CROSS, library), join(slice.folder, library));
  // The programs around the emulator are of this machine, and cannot be preloaded with a library of the other.
  slice.remove('preload');
  return slice;
}

const emulated = (...argv: string[]) => aSlice().run([...EMULATED, ...argv]);

describe('libkerf for aarch64', () => {
  it('shows the slice as the device, through CUDA and NVML', () => {
    const told = lastJson<{ devices: unknown[] }>(emulated(`${CROSS}/kerf-workload`, 'info'));
    expect(told.devices).toEqual([
      expect.objectContaining({
        cuda_total_bytes: 1024 * MIB,
        cuda_free_bytes: 1024 * MIB,
        nvml_total_bytes: 1024 * MIB,
      }),
    ]);
  });

  it.each([['malloc'], ['managed'], ['async'], ['vmm', '--step', '2']])(
    'holds the limit: %s',
    (api, ...more) => {
      const fill = emulated(`${CROSS}/kerf-workload`, 'fill', '--api', api, ...more);
      expect(lastJson(fill)).toMatchObject({ allocated_mib: 1024, refused_code: OOM, goes_on: true });
    },
  );

  it.each([
    ['dlopen by name', 'dlopen'],
    ['dlopen by path', 'path', `${CROSS}/fake/libcuda.so.1`],
    ['dlsym of the global scope', 'default'],
    ['cuGetProcAddress', 'proc'],
    ['a library opened with RTLD_DEEPBIND', 'deepbind', `${CROSS}/bin/libdeep.so`],
  ])('is met by %s', (_road, ...args) => {
    expect(lastJson(emulated(`${CROSS}/bin/callers`, ...args))).toMatchObject({
      total_bytes: 1024 * MIB,
      code: OOM,
    });
  });

  it('is met by linked programs', () => {
    expect(lastJson(emulated(`${CROSS}/bin/needed`))).toMatchObject({
      ...{ code: 0, total_bytes: 1024 * MIB, nvml_code: 0, nvml_total_bytes: 1024 * MIB },
    });
  });
});

describe.each(LIBRARIES)('%s for aarch64', (library) => {
  const tool = (name: string, ...args: string[]): string =>
    spawnSync(`aarch64-linux-gnu-${name}`, [...args, `${CROSS}/${library}`], { encoding: 'utf8' }).stdout;

  it('needs the C library alone, of any age that this machine has had, and runs nothing at load', () => {
    expect([...tool('readelf', '-dW').matchAll(/NEEDED.*\[(.*)\]/g)].map((match) => match[1])).toEqual([
      'libc.so.6',
    ]);
    expect(tool('readelf', '-dW')).not.toMatch(/\((INIT|INIT_ARRAY|PREINIT_ARRAY|FINI|FINI_ARRAY|RELR)\)/);
    expect([...new Set(tool('objdump', '-T').match(/GLIBC_\w[\w.]*/g))]).toEqual(['GLIBC_2.17']);
  });

  it('exports what the other machine’s does', () => {
    const exported = (text: string) => [...text.matchAll(/ [TDBR] (\w+)$/gm)].map((match) => match[1]).sort();
    const here = spawnSync('nm', ['-D', '--defined-only', `${ROOT}native/build/release/${library}`]);
    expect(exported(tool('nm', '-D', '--defined-only'))).toEqual(exported(here.stdout.toString()));
  });
});
