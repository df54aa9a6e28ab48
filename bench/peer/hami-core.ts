// SPDX-License-Identifier: Apache-2.0
// The peer beside whom the same cases run: a checkout of HAMi-core (`--peer DIR`), compiled as it stands with gcc against
// CUDA's headers from NVIDIA's wheels, and used as its own README says: LD_PRELOAD and variables.
//
// Its memory limit works on the fake. Its compute limiter starts once it has found its process in NVML's list by the
// difference that a context makes, which on the fake it does not ("host pid is error!"): figures of its compute limit
// would be those of none, and no bench gives them.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readWheels, unpackedWheel } from '../../native/symbols/wheels.js';
import { PATHS } from '../../test/native/build.js';

/** CUDA 12.9 is what its own images are built with; its sources look at the version. */
const HEADERS = ['nvidia-cuda-runtime-cu12 12.9.79', 'nvidia-nvml-dev-cu12 12.9.79'];
const SWITCHES = [
  'MULTIPROCESS_LIMIT_ENABLE',
  'DLSYM_HOOK_ENABLE',
  'HOOK_MEMINFO_ENABLE',
  'HOOK_NVML_ENABLE',
];

export interface PeerSlice {
  readonly mib: number;
  /** Share of the device's compute; 0 is no limit. */
  readonly percent: number;
}

export interface Peer {
  readonly name: string;
  readonly library: string;
  /** What a container of such a slice has in its environment; each call is another container. */
  env(slice: PeerSlice): Record<string, string>;
  end(): void;
}

/** The peer that the command line names; null where it names none. */
export function peerOf(args: readonly string[]): Peer | null {
  const at = args.indexOf('--peer');
  const folder = at < 0 ? undefined : args[at + 1];
  if (at >= 0 && folder === undefined) throw new Error('--peer wants the folder of a checkout of HAMi-core');
  return folder === undefined ? null : buildPeer(folder);
}

function buildPeer(checkout: string): Peer {
  if (!existsSync(join(checkout, 'src', 'libvgpu.c')))
    throw new Error(`--peer ${checkout} has no src/libvgpu.c: is it a checkout of HAMi-core?`);
  const stage = mkdtempSync(join(tmpdir(), 'kerf-peer-'));
  const library = join(stage, 'libvgpu.so');
  compile(checkout, stage, library);
  let containers = 0;
  return {
    name: 'HAMi-core',
    library,
    env: ({ mib, percent }) => {
      containers += 1;
      return {
        ...{ LD_PRELOAD: library, CUDA_REDIRECT: library, LIBCUDA_LOG_LEVEL: '0' },
        ...{
          CUDA_VISIBLE_DEVICES: '0',
          CUDA_DEVICE_MEMORY_LIMIT: `${mib}m`,
          CUDA_DEVICE_SM_LIMIT: `${percent}`,
        },
        // Otherwise it does not limit a device that it believes to have one user.
        ...(percent > 0 ? { GPU_CORE_UTILIZATION_POLICY: 'force' } : {}),
        CUDA_DEVICE_MEMORY_SHARED_CACHE: join(stage, `container-${containers}.cache`),
        LD_LIBRARY_PATH: PATHS.fakeFolder,
      };
    },
    end: () => rmSync(stage, { recursive: true, force: true }),
  };
}

function compile(checkout: string, stage: string, library: string): void {
  const config = join(stage, 'config');
  mkdirSync(config);
  writeFileSync(join(config, 'static_config.h'), SWITCHES.map((name) => `#define ${name} 1\n`).join(''));
  const src = join(checkout, 'src');
  const includes = [src, join(src, 'include'), config, stage, ...HEADERS.map(includeOf)].map(
    (path) => `-I${path}`,
  );
  const flags = ['-O2', '-shared', '-fPIC', '-w', '-D_GNU_SOURCE', '-fvisibility=hidden'];
  const { status, stderr, error } = spawnSync(
    'gcc',
    [
      ...[...flags, '-D__CUDA_API_PUSH_VISIBILITY_DEFAULT', ...includes, ...sourcesUnder(src)],
      ...[PATHS.fakeCuda, PATHS.fakeNvml, '-lpthread', '-ldl', '-o', library],
    ],
    { encoding: 'utf8' },
  );
  if (error) throw error;
  if (status !== 0) throw new Error(`gcc could not build ${checkout}: ${stderr.slice(-2000)}`);
}

/** shrreg_tool.c is a program of its own. */
function sourcesUnder(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.c') && !file.endsWith('shrreg_tool.c'))
    .map((file) => join(folder, file));
}

function includeOf(named: string): string {
  const wheel = readWheels().find(({ name, version }) => `${name} ${version}` === named);
  if (wheel === undefined) throw new Error(`native/symbols/wheels.tsv has no ${named}`);
  const files = unpackedWheel(wheel);
  const header = readdirSync(files, { recursive: true, encoding: 'utf8' }).find((file) =>
    /include\/(cuda|nvml)\.h$/.test(file),
  );
  if (header === undefined) throw new Error(`the wheel ${named} has no header`);
  return join(files, header, '..');
}
